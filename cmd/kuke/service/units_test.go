package service

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares text with a file.
func golden(t *testing.T, file, text string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v: write it with go test ./cmd/kuke/service -update", err)
	}
	if string(want) != text {
		t.Errorf("%s holds\n%s\nbut the unit is\n%s", file, want, text)
	}
}

// The units of examples/systemd are the units that install writes.
func TestExamples(t *testing.T) {
	units, err := Settings{
		Program: "/usr/local/bin/kuke", Project: DefaultProject, Configuration: []string{"/etc/kukeon"},
		Environment: DefaultEnvironment(DefaultProject), Flags: []string{"--project=default"}, Health: true,
	}.Units()
	if err != nil {
		t.Fatal(err)
	}
	const dir = "../../../examples/systemd"
	var names []string
	for _, u := range units {
		golden(t, filepath.Join(dir, u.Name), u.Text)
		names = append(names, u.Name)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(names, e.Name()) {
			t.Errorf("install writes no %s", e.Name())
		}
	}
}

// Units of another project, with flags and with paths that are special to systemd.
func TestQuoting(t *testing.T) {
	units, err := Settings{
		Program: "/opt/100% kuke/$bin/kuke", Project: "shop", Configuration: []string{`/srv/a b/"quoted"`, "/srv/$HOME/50%/back\\slash;", "/srv/ü\n"},
		Environment: "/etc/kuke/shop.env", Flags: []string{"--project=shop", "--run-path=/var/lib/my kuke", "--connect-timeout=2m"}, Health: true,
	}.Units()
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, u := range units {
		all.WriteString("-- " + u.Name + " --\n" + u.Text)
	}
	golden(t, "testdata/quoting.golden", all.String())
	if strings.Contains(all.String(), "30s") {
		t.Error("a connect timeout that was given is overridden")
	}
}

// Without Health there is no unit for it.
func TestWithoutHealth(t *testing.T) {
	units, err := Settings{Program: "/usr/local/bin/kuke", Project: "shop", Environment: "/etc/kuke/shop.env"}.Units()
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(units, func(u Unit) bool { return u.Name == NamesOf("shop").Health }) {
		t.Error("it is there")
	}
}

// No project's units have the name of another's.
func TestNames(t *testing.T) {
	seen := map[string]string{}
	for _, project := range []string{"default", "network", "drift", "default-network", "kuke", "network-drift", "health"} {
		for _, name := range NamesOf(project).all() {
			if other, ok := seen[name]; ok {
				t.Errorf("%s is a unit of %s and %s", name, project, other)
			}
			seen[name] = project
		}
	}
}

func TestParseEnvironment(t *testing.T) {
	text := `# comment A=1
; another
A=plain
B = "two words" 
C='single $x \n' 
D=trailing space   
E=a\
b
F="multi
line"
G=
H="a \"quote\" and \x"
I=x=y
not a variable
J=back\\slash
`
	want := []string{
		"A=plain", "B=two words", `C=single $x \n`, "D=trailing space", "E=ab", "F=multi\nline", "G=", `H=a "quote" and \x`, "I=x=y", `J=back\slash`,
	}
	if got := parseEnvironment(text); !slices.Equal(got, want) {
		t.Errorf("read as\n%q, want\n%q", got, want)
	}
}

func FuzzParseEnvironment(f *testing.F) {
	f.Add("A=\"x\n")
	f.Add("A=x\\")
	f.Fuzz(func(t *testing.T, text string) {
		for _, v := range parseEnvironment(text) {
			if name, _, ok := strings.Cut(v, "="); !ok || name == "" {
				t.Errorf("%q", v)
			}
		}
	})
}

func TestCheckOwned(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: files are given to another user")
	}
	dir, err := os.MkdirTemp("/var/lib", "kuke-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	program := filepath.Join(dir, "bin", "kuke")
	link := filepath.Join(dir, "link")
	reset := func() {
		t.Helper()
		_ = os.RemoveAll(filepath.Join(dir, "bin"))
		_ = os.Remove(link)
		for _, err := range []error{os.Mkdir(filepath.Dir(program), 0o755), os.WriteFile(program, nil, 0o755), os.Symlink(program, link), os.Chmod(dir, 0o755)} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tt := range []struct {
		name   string
		change func() error
		want   string
	}{
		{"root's", func() error { return nil }, ""},
		{"of another user", func() error { return os.Chown(program, 1000, 0) }, program + " belongs to user 1000"},
		{"for everyone", func() error { return os.Chmod(program, 0o757) }, program + " may be written by everyone"},
		{"for a group", func() error { return os.Chmod(program, 0o775) }, ""},
		{"for another group", func() error {
			if err := os.Chown(program, 0, 50); err != nil {
				return err
			}
			return os.Chmod(program, 0o775)
		}, program + " may be written by group 50"},
		{"directory of another user", func() error { return os.Chown(filepath.Dir(program), 1000, 1000) }, filepath.Dir(program) + " belongs to user 1000"},
		{"directory above for everyone", func() error { return os.Chmod(dir, 0o777) }, dir + " may be written by everyone"},
		{"in a sticky directory", func() error { return os.Chmod(dir, 0o777|os.ModeSticky) }, ""},
		{"link of another user", func() error { return os.Lchown(link, 1000, 1000) }, link + " belongs to user 1000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			reset()
			if err := tt.change(); err != nil {
				t.Fatal(err)
			}
			err := CheckProgram(link)
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "install -m 755")):
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}
