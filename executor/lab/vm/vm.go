// Package vm boots throw-away hosts: Debian virtual machines with systemd, cgroup v2 and all of its controllers, AppArmor and
// Debian's containerd. Unlike a lab (see package lab) they have a boot, a shutdown and a power cut.
//
// The processor is emulated, so that a guest runs everywhere, some twenty times slower: tests wait for conditions and never for
// times. A guest has no network beyond its own machine; it is reached through a serial port (see agent.sh).
//
// A [Machine] has a disk of its own, on top of the image of [Build], and a second one with the caller's files at /mnt/test. The
// emulator does not outlive Close, or the process that started it.
package vm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// bootLimit limits one boot, on a busy machine.
	bootLimit = 15 * time.Minute
	// offLimit limits a shutdown, in which every unit has its own timeout.
	offLimit = 15 * time.Minute
	// consoleTail is the number of bytes from the end of the console in an error.
	consoleTail = 6 << 10
)

// Options describe a machine.
type Options struct {
	Image Image
	// Files are in the guest below /mnt/test, read-only: the path there, and the file of this machine.
	Files map[string]string
	// Dir is an existing directory for the disks, the console and the sockets of the machine.
	Dir string
	// Log, where not nil, is called at boots and power cuts.
	Log func(format string, args ...any)
}

// Machine is a virtual machine. Its methods must not be called at the same time.
type Machine struct {
	o       Options
	cmd     *exec.Cmd
	exited  chan error
	port    *port
	console string
}

// Start creates a machine and boots it. A guest that does not come up is started once more on a fresh disk, and its console is
// logged.
func Start(ctx context.Context, o Options) (*Machine, error) {
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	m := &Machine{o: o, console: filepath.Join(o.Dir, "console.log")}
	if err := m.makeFiles(ctx); err != nil {
		return nil, fmt.Errorf("create the disk with the files of a virtual machine: %w", err)
	}
	err := m.first(ctx)
	if err != nil && ctx.Err() == nil {
		o.Log("the guest does not come up, starting it once more on a fresh disk: %v", err)
		err = errors.Join(m.PowerCut(), m.first(ctx))
	}
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// first boots the machine on a fresh disk.
func (m *Machine) first(ctx context.Context) error {
	disk := m.disk()
	if err := os.RemoveAll(disk); err != nil {
		return err
	}
	if err := command(ctx, "qemu-img", "create", "-q", "-f", "qcow2", "-b", m.o.Image.Disk, "-F", "raw", disk); err != nil {
		return fmt.Errorf("create the disk of a virtual machine: %w", err)
	}
	return m.Boot(ctx)
}

func (m *Machine) disk() string  { return filepath.Join(m.o.Dir, "disk.qcow2") }
func (m *Machine) files() string { return filepath.Join(m.o.Dir, "files.raw") }

// makeFiles creates the file system with the caller's files.
func (m *Machine) makeFiles(ctx context.Context) error {
	dir := filepath.Join(m.o.Dir, "files")
	size := int64(0)
	for name, source := range m.o.Files {
		target := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		data, err := os.ReadFile(source)
		if err != nil {
			return err
		}
		info, err := os.Stat(source)
		if err != nil {
			return err
		}
		if err := os.WriteFile(target, data, info.Mode().Perm()); err != nil {
			return err
		}
		size += int64(len(data))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	const spareMiB = 32
	err := command(ctx, "mke2fs", "-q", "-F", "-t", "ext4", "-d", dir, m.files(), fmt.Sprintf("%dM", size>>20+size>>22+spareMiB))
	return errors.Join(err, os.RemoveAll(dir))
}

// Boot boots a machine that is off and waits until systemd has started all units, or failed to start some.
func (m *Machine) Boot(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, bootLimit)
	defer cancel()
	begin := time.Now()
	if err := m.powerOn(); err != nil {
		return err
	}
	result, err := m.Run(ctx, "systemctl is-system-running --wait || true")
	if err != nil {
		return fmt.Errorf("boot a virtual machine: %w", err)
	}
	m.o.Log("booted in %s: %s", time.Since(begin).Round(time.Second), strings.TrimSpace(result.Output))
	return nil
}

func (m *Machine) powerOn() error {
	socket := filepath.Join(m.o.Dir, "agent")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	defer listener.Close()
	cmd := exec.Command("qemu-system-x86_64", m.arguments(socket)...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	// It ends with this process, and Ctrl-C does not reach it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := startLocked(cmd); err != nil {
		return fmt.Errorf("start a virtual machine: %w. Install it: apt-get install qemu-system-x86 qemu-utils", err)
	}
	m.cmd, m.exited = cmd, make(chan error, 1)
	go func() { m.exited <- cmd.Wait() }()
	conn, err := acceptFrom(listener, m.exited)
	if err != nil {
		return fmt.Errorf("start a virtual machine: %w", err)
	}
	m.port = newPort(conn)
	return nil
}

func (m *Machine) arguments(socket string) []string {
	return []string{
		"-machine", "pc", "-accel", "tcg,thread=multi", "-smp", "2", "-m", "2048", "-nodefaults", "-vga", "none", "-display", "none", "-no-reboot",
		"-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng",
		"-kernel", m.o.Image.Kernel, "-initrd", m.o.Image.Initrd,
		"-append", "console=ttyS0 root=/dev/vda ro mitigations=off nowatchdog tsc=reliable no_timer_check random.trust_cpu=on",
		"-drive", "if=virtio,format=qcow2,file=" + m.disk(), "-drive", "if=virtio,format=raw,readonly=on,file=" + m.files(),
		"-chardev", "file,id=console,append=on,path=" + m.console, "-serial", "chardev:console",
		"-device", "virtio-serial", "-chardev", "socket,id=agent,path=" + socket, "-device", "virtserialport,chardev=agent,name=agent",
		// A network card with an address of its own, without a connection.
		"-netdev", "user,id=net,restrict=on", "-device", "virtio-net-pci,netdev=net",
	}
}

// Off waits until a machine that is shutting down, or rebooting, is off.
func (m *Machine) Off(ctx context.Context) error {
	select {
	case err := <-m.exited:
		m.gone()
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(offLimit):
		return m.failed(fmt.Errorf("the guest is not off after %s", offLimit))
	}
}

// PowerCut ends the machine like a power cut: data that is not on its disk is lost. A machine that is off is no error.
func (m *Machine) PowerCut() error {
	if m.cmd == nil {
		return nil
	}
	err := m.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	_ = m.wait() // it was killed
	m.gone()
	return err
}

// wait waits until the emulator has ended.
func (m *Machine) wait() error { return <-m.exited }

// gone forgets the process of a machine that is off.
func (m *Machine) gone() {
	if m.port != nil {
		m.port.close()
	}
	m.cmd, m.port = nil, nil
}

// Close ends the machine. The caller removes the files in its directory.
func (m *Machine) Close() error { return m.PowerCut() }

// Console returns the output of the guest on its serial console, over all of its boots.
func (m *Machine) Console() string {
	data, err := os.ReadFile(m.console)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// failed adds the end of the console to an error.
func (m *Machine) failed(err error) error {
	text := m.Console()
	return fmt.Errorf("%w; the end of its console:\n%s", err, text[max(0, len(text)-consoleTail):])
}

func command(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	return nil
}
