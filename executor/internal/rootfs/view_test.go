package rootfs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree makes files from lines "PATH MODE CONTENT", with \n and \r in the content, directories (which end in "/") and links ("PATH -> TARGET").
func tree(t *testing.T, lines ...string) string {
	t.Helper()
	root := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range lines {
		name, rest, _ := strings.Cut(line, " ")
		at := filepath.Join(root, name)
		must(os.MkdirAll(filepath.Dir(at), 0o755))
		target, link := strings.CutPrefix(rest, "-> ")
		switch {
		case link:
			must(os.Symlink(target, at))
		case strings.HasSuffix(name, "/"):
			must(os.MkdirAll(at, 0o755))
		default:
			mode, content, _ := strings.Cut(rest, " ")
			must(os.WriteFile(at, []byte(strings.NewReplacer(`\n`, "\n", `\r`, "\r").Replace(content)), 0o600))
			bits := map[string]os.FileMode{"x": 0o755, "r": 0o644, "owner": 0o700}[mode]
			must(os.Chmod(at, bits))
		}
	}
	return root
}

// self is a program of this host that needs no other file.
func self(t *testing.T) string {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

func TestProgramFlaw(t *testing.T) {
	root := tree(t,
		"bin/sh x #!/lib/nothing", "usr/bin/script x #!/bin/tool -e\\n", "bin/tool x text", "bin/tool2 r text", "usr/bin/noexec x #!/bin/tool2\\n", "usr/bin/inadir x #!/usr\\n", "usr/bin/loop -> /usr/bin/loop",
		"usr/bin/windows x #!/bin/tool\\r\\n", "usr/bin/empty x ", "usr/bin/text x echo hello", "usr/bin/plain r #!/bin/tool\\n",
		"usr/bin/owners owner #!/bin/tool\\n", "usr/local/bin/dir/", "usr/bin/dir x #!/bin/tool\\n", "usr/bin/bare x #!\\n",
		"usr/bin/link -> /../../usr/bin/script", "app -> usr/bin", "usr/bin/outside -> ../../../../../../../../etc/hostname",
		"usr/bin/shadowed r not executable", "bin/shadowed x #!/bin/tool\\n",
	)
	for _, tt := range []struct {
		program, dir, want string
		foreign            bool
	}{
		{program: "/usr/bin/script"},
		{program: "script"},
		{program: "./script", dir: "/usr/bin"},
		{program: "bin/script", dir: "/usr"},
		{program: "/usr/bin/link"},
		{program: "/app/script"},
		{program: "dir"}, // the directory of that name is passed over
		{program: "shadowed"},
		{program: "/usr/bin/owners"},
		{program: "/proc/self/root/usr/bin/none"}, // only the process sees its target
		{program: "/usr/bin/loop"},
		{program: "../bin/none", dir: "/new"}, // the directory is made
		{program: "/usr/bin/noexec", want: "needs /bin/tool2, which is not executable"},
		{program: "/usr/bin/inadir", want: "needs /usr, which is not executable"},
		{program: "/usr/bin/none", want: "does not exist"},
		{program: "none", want: "is in none of the directories of PATH (/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)"},
		{program: "/usr/bin/outside", want: "does not exist"}, // and not the file of the host
		{program: "/usr/bin", want: "is a directory"},
		{program: "/usr/bin/plain", want: "is not executable: its mode is 0644"},
		{program: "/bin/sh", want: "needs /lib/nothing, which does not exist"},
		{program: "/usr/bin/windows", want: `is a script with the line ends of Windows: its interpreter "/bin/tool\r" does not exist`},
		{program: "/usr/bin/bare", want: "is a script whose first line names no interpreter"},
		{program: "/usr/bin/empty", want: "is empty"},
		{program: "/usr/bin/text", want: "is neither a program of this kernel nor a script that begins with #!"},
		{program: "/usr/bin/text", foreign: true},
	} {
		got, awaited, err := New(root).ProgramFlaw(&Process{Args: []string{tt.program}, Dir: tt.dir, Foreign: tt.foreign})
		if err != nil || got != tt.want || awaited {
			t.Errorf("%s: %q, %v, %v, want %q", tt.program, got, awaited, err, tt.want)
		}
	}
}

func TestProgramOfHost(t *testing.T) {
	v := New(tree(t, "bin/"))
	if flaw, err := v.Mount("/bin/self", self(t), true); flaw != "" || err != nil {
		t.Fatalf("%q, %v", flaw, err)
	}
	if got, _, err := v.ProgramFlaw(&Process{Args: []string{"self"}}); got != "" || err != nil {
		t.Errorf("a program of this host: %q, %v", got, err)
	}
	data, err := os.ReadFile(self(t))
	if err != nil {
		t.Fatal(err)
	}
	other := append([]byte(nil), data[:4096]...)
	other[18], other[19] = 43, 0 // SPARC
	file := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(file, other, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Mount("/bin/other", file, true); err != nil {
		t.Fatal(err)
	}
	if got, _, err := v.ProgramFlaw(&Process{Args: []string{"other"}}); err != nil || got != "is /bin/other, which is a program for another processor, SPARCV9" {
		t.Errorf("a program of another processor: %q, %v", got, err)
	}
}

func TestMount(t *testing.T) {
	root := tree(t, "etc/app.conf r x", "data/", "run/", "var/run -> /run", "run/lock/")
	host := tree(t, "dir/sub/", "file r x", "link -> dir", "dir/tool x #!/bin/sh")
	for _, tt := range []struct{ name, before, target, source, want string }{
		{name: "a directory", target: "/data", source: "dir"},
		{name: "where nothing is", target: "/new/deep", source: "dir"},
		{name: "a file over a file", target: "/etc/app.conf", source: "file"},
		{name: "a link of the host", target: "/data", source: "link"},
		{name: "behind a link of the image", target: "/var/run/lock", source: "dir"},
		{name: "a file over a directory", target: "/data", source: "file", want: "is a directory in the container, over which no file can be mounted"},
		{name: "a directory over a file", target: "/etc/app.conf", source: "dir", want: "is a file in the container, over which no directory can be mounted"},
		{name: "a tmpfs over a file", target: "/etc/app.conf", want: "is a file in the container, over which no directory can be mounted"},
		{name: "below a file", target: "/etc/app.conf/x", source: "dir", want: "is below /etc/app.conf, which is a file in the container"},
		{name: "in a read-only volume", before: "/data", target: "/data/x", source: "dir", want: "does not exist, and can't be created in /data, which is mounted read-only"},
		{name: "over a directory of a read-only volume", before: "/data", target: "/data/sub", source: "dir"},
		{name: "over a file of a volume", before: "/data", target: "/data/tool", source: "dir", want: "is a file in the container, over which no directory can be mounted"},
		{name: "a missing source is reported elsewhere", target: "/data", source: "none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := New(root)
			if tt.before != "" {
				if flaw, err := v.Mount(tt.before, filepath.Join(host, "dir"), true); flaw != "" || err != nil {
					t.Fatalf("%q, %v", flaw, err)
				}
			}
			source := ""
			if tt.source != "" {
				source = filepath.Join(host, tt.source)
			}
			if got, err := v.Mount(tt.target, source, false); err != nil || got != tt.want {
				t.Errorf("%q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// Files covered by a volume or a tmpfs are not looked for in the image, and the reverse.
func TestMountsCover(t *testing.T) {
	root := tree(t, "opt/app/tool x #!/bin/sh", "bin/sh x #!/opt/app/tool", "usr/bin/app -> /opt/app/tool")
	host := tree(t, "new x #!/bin/sh")
	v := New(root)
	process := func(program string) *Process { return &Process{Args: []string{program}} }
	if got, _, err := v.ProgramFlaw(process("app")); got != "" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	if flaw, err := v.Mount("/opt/app", host, false); flaw != "" || err != nil {
		t.Fatalf("%q, %v", flaw, err)
	}
	for _, program := range []string{"/usr/bin/app", "app"} {
		if got, awaited, err := v.ProgramFlaw(process(program)); got == "" || !awaited || err != nil {
			t.Errorf("a program that a volume covers: %q, %v, %v", got, awaited, err)
		}
	}
	if got, _, err := v.ProgramFlaw(process("/opt/app/new")); got != "" || err != nil {
		t.Errorf("a program of a volume: %q, %v", got, err)
	}
	if flaw, err := v.Mount("/bin", "", false); flaw != "" || err != nil {
		t.Fatalf("%q, %v", flaw, err)
	}
	if got, awaited, err := v.ProgramFlaw(process("/opt/app/new")); got != "needs /bin/sh, which does not exist" || awaited || err != nil {
		t.Errorf("an interpreter that a tmpfs covers: %q, %v, %v", got, awaited, err)
	}
	if flaw, err := v.Mount("/opt", "/proc/self", false); flaw != "" || err != nil {
		t.Fatalf("%q, %v", flaw, err)
	}
	if got, _, err := v.ProgramFlaw(process("/opt/app/nothing")); got != "" || err != nil {
		t.Errorf("a mount that can't be inspected is refused: %q, %v", got, err)
	}
}

func TestDirFlaw(t *testing.T) {
	root := tree(t, "etc/app.conf r x", "srv/", "current -> /srv")
	for dir, want := range map[string]string{
		"": "", "/": "", "/srv": "", "/current/x": "", "/new/deep": "",
		"/etc/app.conf":   "is a file in the container",
		"/etc/app.conf/x": "is below /etc/app.conf, which is a file in the container",
	} {
		if got, err := New(root).DirFlaw(&Process{Dir: dir}); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", dir, got, err, want)
		}
	}
}
