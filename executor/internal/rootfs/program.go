package rootfs

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// defaultPath is where the runtime looks for programs when the process has no variable PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Process is the first one of a container.
type Process struct {
	Args []string
	Env  []string // NAME=value, the last of a name holds
	// Dir is the working directory; empty is /.
	Dir      string
	UID, GID uint32
	Groups   []uint32
	// Foreign says that the host may run programs of formats that the kernel does not know by itself.
	Foreign bool
}

// DirFlaw says why the process can't have its working directory, in words that follow it, or returns "". One that isn't there
// is made.
func (v *View) DirFlaw(p *Process) (string, error) {
	e, err := v.find("/", p.Dir)
	if err != nil {
		return "", known(err)
	}
	if e.exists && !e.mode.IsDir() {
		return "is a file in the container", nil
	}
	if !e.exists {
		if above, err := v.lstat(e.above); err == nil && !above.mode.IsDir() {
			return fmt.Sprintf("is below %s, which is a file in the container", e.above), nil
		}
	}
	return "", nil
}

// ProgramFlaw says why the process can't be started, in words that follow the name of its program, or returns "".
func (v *View) ProgramFlaw(p *Process) (string, error) {
	flaw, err := v.programFlaw(p)
	return flaw, known(err)
}

func (v *View) programFlaw(p *Process) (string, error) {
	name := p.Args[0]
	if strings.Contains(name, "/") {
		e, err := v.find(orRoot(p.Dir), name)
		if err != nil {
			return "", err
		}
		return v.executableFlaw(e, p)
	}
	search := defaultPath
	for _, pair := range p.Env {
		if value, ok := strings.CutPrefix(pair, "PATH="); ok {
			search = value
		}
	}
	flaw := fmt.Sprintf("is in none of the directories of PATH (%s)", search)
	for dir := range strings.SplitSeq(search, ":") {
		e, err := v.find(orRoot(p.Dir), path.Join(orDot(dir), name))
		if err != nil {
			return "", err
		}
		if !e.exists || !e.mode.IsRegular() {
			continue
		}
		why, err := v.executableFlaw(e, p)
		if err != nil || why == "" {
			return "", err
		}
		flaw = fmt.Sprintf("is %s, which %s", e.path, why)
		if p.mayExecute(e) {
			return flaw, nil // this is the one that is run
		}
	}
	return flaw, nil
}

func orRoot(dir string) string {
	if dir == "" {
		return "/"
	}
	return dir
}

func orDot(dir string) string {
	if dir == "" {
		return "."
	}
	return dir
}

// mayExecute looks at the mode alone: an access control list could grant more.
func (p *Process) mayExecute(e entry) bool {
	perm := e.mode.Perm()
	switch {
	case p.UID == 0:
		return perm&0o111 != 0
	case p.UID == e.uid:
		return perm&0o100 != 0
	case p.GID == e.gid || slices.Contains(p.Groups, e.gid):
		return perm&0o010 != 0
	}
	return perm&0o001 != 0
}

// hasACL reports whether more than the mode says who may do what with a file.
func hasACL(host string) bool {
	size, err := unix.Lgetxattr(host, "system.posix_acl_access", nil)
	return err == nil && size > 0
}

func (v *View) executableFlaw(e entry, p *Process) (string, error) {
	switch {
	case !e.exists:
		return "is not there", nil
	case e.mode.IsDir():
		return "is a directory", nil
	case !e.mode.IsRegular():
		return "is no regular file", nil
	case e.mode.Perm()&0o111 == 0:
		return fmt.Sprintf("is not executable: its mode is %04o", e.mode.Perm()), nil
	case !p.mayExecute(e) && !hasACL(e.host):
		return fmt.Sprintf("is not executable for user %d: it belongs to %d:%d and has the mode %04o", p.UID, e.uid, e.gid, e.mode.Perm()), nil
	}
	// Nobody follows a link here, or waits for a pipe, that came there since.
	f, err := os.OpenFile(e.host, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return v.formatFlaw(f, p)
}

// formatFlaw says why the kernel could not run the file.
func (v *View) formatFlaw(f *os.File, p *Process) (string, error) {
	head := make([]byte, 256) // as much as the kernel looks at
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return "", err
	}
	head = head[:n]
	switch {
	case bytes.HasPrefix(head, []byte("#!")):
		return v.interpreterFlaw(scriptInterpreter(head), p)
	case bytes.HasPrefix(head, []byte(elf.ELFMAG)):
		return v.elfFlaw(f, head, p)
	case p.Foreign:
		return "", nil
	case n == 0:
		return "is empty", nil
	}
	return "is neither a program of this kernel nor a script that begins with #!", nil
}

// scriptInterpreter returns the interpreter that the first line of a script names.
func scriptInterpreter(head []byte) string {
	line, _ := bufio.NewReader(bytes.NewReader(head[2:])).ReadString('\n')
	line = strings.Trim(strings.TrimSuffix(line, "\n"), " \t")
	if at := strings.IndexAny(line, " \t"); at >= 0 {
		line = line[:at]
	}
	return line
}

func (v *View) interpreterFlaw(name string, p *Process) (string, error) {
	if name == "" {
		return "is a script whose first line names no interpreter", nil
	}
	e, err := v.find(orRoot(p.Dir), name)
	if err != nil {
		return "", err
	}
	if e.exists && e.mode.IsRegular() {
		return "", nil
	}
	if strings.HasSuffix(name, "\r") {
		return fmt.Sprintf("is a script with the line ends of Windows: its interpreter %q is not there", name), nil
	}
	return fmt.Sprintf("needs %s, which is not there", name), nil
}

// machines are the ELF machines that the kernel of an architecture runs.
var machines = map[string][]elf.Machine{
	"amd64": {elf.EM_X86_64, elf.EM_386}, "arm64": {elf.EM_AARCH64, elf.EM_ARM}, "arm": {elf.EM_ARM}, "386": {elf.EM_386},
	"riscv64": {elf.EM_RISCV}, "s390x": {elf.EM_S390}, "ppc64le": {elf.EM_PPC64},
}

// elfFlaw says why the kernel could not run the ELF file that begins with head. Its program headers are all that the kernel
// reads: a file in which Go finds more to read, and that is damaged, may run.
func (v *View) elfFlaw(f *os.File, head []byte, p *Process) (string, error) {
	const dataAt, machineAt = 5, 18
	if known := machines[runtime.GOARCH]; known != nil && len(head) >= machineAt+2 && !p.Foreign {
		order := binary.ByteOrder(binary.LittleEndian)
		if elf.Data(head[dataAt]) == elf.ELFDATA2MSB {
			order = binary.BigEndian
		}
		if machine := elf.Machine(order.Uint16(head[machineAt:])); !slices.Contains(known, machine) {
			return fmt.Sprintf("is a program for another processor, %s", strings.TrimPrefix(machine.String(), "EM_")), nil
		}
	}
	program, err := elf.NewFile(f)
	if err != nil {
		return "", nil
	}
	for _, segment := range program.Progs {
		if segment.Type != elf.PT_INTERP || segment.Filesz > unix.PathMax {
			continue
		}
		name := make([]byte, segment.Filesz)
		if _, err := segment.ReadAt(name, 0); err != nil {
			return "", nil
		}
		return v.interpreterFlaw(string(bytes.TrimRight(name, "\x00")), p)
	}
	return "", nil
}

// ForeignFormats reports whether the kernel of this host has been told of further formats of programs, such as those of other
// processors.
func ForeignFormats() bool {
	entries, err := os.ReadDir("/proc/sys/fs/binfmt_misc")
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR)
	}
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() != "register" && e.Name() != "status" })
}
