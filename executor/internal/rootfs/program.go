package rootfs

import (
	"bufio"
	"bytes"
	"cmp"
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

// defaultPath is the PATH of the runtime when the process has no variable PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Process is the first process of a container.
type Process struct {
	Args []string
	Env  []string // NAME=value, the last value of a name counts
	// Dir is the working directory; empty is /.
	Dir string
	// Foreign says that the host may run programs of formats that are registered with the kernel.
	Foreign bool
}

// DirFlaw returns the reason why the process can't have its working directory, as a predicate of it, or "". The runtime
// creates a missing one.
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

// ProgramFlaw returns the reason why the process can't be started, as a predicate of its program, or "". awaited says that
// the program, or its interpreter, is only missing in a volume, where another container can create it.
func (v *View) ProgramFlaw(p *Process) (flaw string, awaited bool, err error) {
	s := search{View: v, process: p}
	flaw, err = s.program()
	if err == errUnknown {
		return "", false, nil
	}
	return flaw, flaw != "" && s.awaited, err
}

// search looks for a program, and notes whether a missing file would be in a volume.
type search struct {
	*View
	process *Process
	awaited bool
}

// missing notes that the entry does not exist.
func (s *search) missing(e entry) {
	if _, in := s.on(e.path); in != nil && in.source != "" {
		s.awaited = true
	}
}

func (s *search) program() (string, error) {
	p, name := s.process, s.process.Args[0]
	if !path.IsAbs(name) {
		// The runtime creates a missing one before it looks for the program.
		if e, err := s.find("/", p.Dir); err != nil || !e.exists {
			return "", errUnknown
		}
	}
	if strings.Contains(name, "/") {
		e, err := s.find(cmp.Or(p.Dir, "/"), name)
		if err != nil {
			return "", err
		}
		return s.executableFlaw(e)
	}
	dirs := defaultPath
	for _, pair := range p.Env {
		if value, ok := strings.CutPrefix(pair, "PATH="); ok {
			dirs = value
		}
	}
	flaw := fmt.Sprintf("is in none of the directories of PATH (%s)", dirs)
	for dir := range strings.SplitSeq(dirs, ":") {
		e, err := s.find(cmp.Or(p.Dir, "/"), path.Join(cmp.Or(dir, "."), name))
		if err != nil {
			return "", err
		}
		if !e.exists {
			s.missing(e)
		}
		if !e.exists || !e.mode.IsRegular() {
			continue
		}
		why, err := s.executableFlaw(e)
		if err != nil || why == "" {
			return "", err
		}
		flaw = fmt.Sprintf("is %s, which %s", e.path, why)
		if executable(e) {
			return flaw, nil // the runtime runs the first one that is executable
		}
	}
	return flaw, nil
}

// executable reports whether any user may execute the file. Whether the user of the process may depends on its
// capabilities too: that is left to the runtime.
func executable(e entry) bool { return e.mode.Perm()&0o111 != 0 }

func (s *search) executableFlaw(e entry) (string, error) {
	switch {
	case !e.exists:
		s.missing(e)
		return "does not exist", nil
	case e.mode.IsDir():
		return "is a directory", nil
	case !e.mode.IsRegular():
		return "is no regular file", nil
	case !executable(e):
		return fmt.Sprintf("is not executable: its mode is %04o", e.mode.Perm()), nil
	}
	// A link or a pipe that has replaced the file since is not followed or waited for.
	f, err := os.OpenFile(e.host, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return s.formatFlaw(f)
}

// formatFlaw returns the reason why the kernel could not run the file, or "".
func (s *search) formatFlaw(f *os.File) (string, error) {
	head := make([]byte, 256) // the kernel reads no more
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return "", err
	}
	head = head[:n]
	switch {
	case bytes.HasPrefix(head, []byte("#!")):
		return s.interpreterFlaw(scriptInterpreter(head))
	case bytes.HasPrefix(head, []byte(elf.ELFMAG)):
		return s.elfFlaw(f, head)
	case s.process.Foreign:
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

func (s *search) interpreterFlaw(name string) (string, error) {
	if name == "" {
		return "is a script whose first line names no interpreter", nil
	}
	e, err := s.find(cmp.Or(s.process.Dir, "/"), name)
	switch {
	case err != nil:
		return "", err
	case e.exists && e.mode.IsRegular() && executable(e):
		return "", nil
	case e.exists:
		return fmt.Sprintf("needs %s, which is not executable", name), nil
	}
	s.missing(e)
	if strings.HasSuffix(name, "\r") {
		return fmt.Sprintf("is a script with the line ends of Windows: its interpreter %q does not exist", name), nil
	}
	return fmt.Sprintf("needs %s, which does not exist", name), nil
}

// machines are the ELF machines that the kernel of an architecture runs.
var machines = map[string][]elf.Machine{
	"amd64": {elf.EM_X86_64, elf.EM_386}, "arm64": {elf.EM_AARCH64, elf.EM_ARM}, "arm": {elf.EM_ARM}, "386": {elf.EM_386},
	"riscv64": {elf.EM_RISCV}, "s390x": {elf.EM_S390}, "ppc64le": {elf.EM_PPC64},
}

// elfFlaw returns the reason why the kernel could not run the ELF file that begins with head, or "". The kernel reads only its
// program headers: a file may run even if other parts, which Go reads too, are damaged.
func (s *search) elfFlaw(f *os.File, head []byte) (string, error) {
	const dataAt, machineAt = 5, 18
	if known := machines[runtime.GOARCH]; known != nil && len(head) >= machineAt+2 && !s.process.Foreign {
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
		return s.interpreterFlaw(string(bytes.TrimRight(name, "\x00")))
	}
	return "", nil
}

// ForeignFormats reports whether further formats of programs are registered with the kernel of this host, such as those of
// other processors.
func ForeignFormats() bool {
	entries, err := os.ReadDir("/proc/sys/fs/binfmt_misc")
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR)
	}
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() != "register" && e.Name() != "status" })
}
