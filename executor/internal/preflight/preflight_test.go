package preflight

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kukeon/kuke/config/resource"
)

func TestPreflight(t *testing.T) {
	root := t.TempDir()
	for name, content := range map[string]string{
		"bin/sh": "#!/bin/sh", "bin/app": "#!/bin/sh", "etc/passwd": "app:x:1000:1000::/:\n", "etc/group": "app:x:1000:\nstaff:x:50:app\n",
	} {
		at := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	withCommand := ocispec.ImageConfig{Entrypoint: []string{"/bin/app"}, Cmd: []string{"serve"}}
	for _, tt := range []struct {
		name   string
		image  ocispec.ImageConfig
		spec   resource.Container
		awaits bool   // other containers
		about  string // attribute of the flaw, empty for none
		detail string
	}{
		{name: "the image's command", image: withCommand},
		{name: "no command", about: "image", detail: "neither an entrypoint nor a command"},
		{name: "the image's command is gone", image: ocispec.ImageConfig{Cmd: []string{"serve"}}, about: "image", detail: `"serve"`},
		{name: "arguments are no program beside an entrypoint", image: withCommand, spec: resource.Container{Args: []string{"none"}}},
		{name: "the first argument is the program", spec: resource.Container{Args: []string{"none"}}, about: "args", detail: `"none"`},
		{name: "a command", image: withCommand, spec: resource.Container{Command: "none"}, about: "command", detail: `"none"`},
		{name: "PATH of the image", image: ocispec.ImageConfig{Env: []string{"PATH=/opt"}, Cmd: []string{"app"}}, about: "image", detail: "(/opt)"},
		{name: "PATH of the container", image: ocispec.ImageConfig{Env: []string{"PATH=/opt"}, Cmd: []string{"app"}}, spec: resource.Container{Env: resource.Env{"PATH": "/bin"}}},
		{name: "a user", image: withCommand, spec: resource.Container{User: "app:staff"}},
		{name: "an id", image: withCommand, spec: resource.Container{User: "4242:4343"}},
		{name: "no user of that name", image: withCommand, spec: resource.Container{User: "web"}, about: "user", detail: "user web"},
		{name: "no group of that name", image: withCommand, spec: resource.Container{User: "app:web"}, about: "user", detail: "app:web"},
		{name: "the image's user", image: ocispec.ImageConfig{User: "web", Cmd: []string{"/bin/app"}}, about: "user", detail: "user web"},
		{name: "another user than the image's", image: ocispec.ImageConfig{User: "web", Cmd: []string{"/bin/app"}}, spec: resource.Container{User: "app"}},
		{name: "a new directory", image: withCommand, spec: resource.Container{WorkingDir: "/new/dir"}},
		{name: "a file for a directory", image: withCommand, spec: resource.Container{WorkingDir: "/bin/app"}, about: "workingDir", detail: "/bin/app, which is a file"},
		{name: "the image's directory", image: ocispec.ImageConfig{WorkingDir: "/bin/app", Cmd: []string{"/bin/app"}}, about: "workingDir", detail: "/bin/app, which is a file"},
		{name: "a secret over a directory", image: withCommand, spec: resource.Container{Secrets: []resource.Secret{{Name: "s", MountPath: "/etc"}}}, about: `secrets["s"].mountPath`, detail: "the secret s at /etc"},
		{name: "a tmpfs over a file", image: withCommand, spec: resource.Container{Tmpfs: []resource.Tmpfs{{Path: "/bin/app"}}}, about: `tmpfs["/bin/app"].path`, detail: "a tmpfs at /bin/app"},
		{name: "a volume below a tmpfs", image: withCommand, spec: resource.Container{Tmpfs: []resource.Tmpfs{{Path: "/data"}}, Volumes: []resource.VolumeMount{{Source: root, Target: "/data/in"}}}},
		{name: "a volume below a file of a volume", image: withCommand, spec: resource.Container{Volumes: []resource.VolumeMount{
			{Source: root, Target: "/data/bin/app/x"}, {Source: root, Target: "/data"}}}, about: `volumes["/data/bin/app/x"].target`, detail: "is below /data/bin/app"},
		{name: "a program that the volume lacks", image: withCommand, spec: resource.Container{Command: "/data/none", Volumes: []resource.VolumeMount{{Source: root, Target: "/data"}}}, about: "command", detail: "Put it into the volume"},
		{name: "a program that another container may put into a volume", image: withCommand, awaits: true, spec: resource.Container{Command: "/data/none", Volumes: []resource.VolumeMount{{Source: root, Target: "/data"}}}},
		{name: "a program that nobody can put into the image", image: withCommand, awaits: true, spec: resource.Container{Command: "/none", Volumes: []resource.VolumeMount{{Source: root, Target: "/data"}}}, about: "command", detail: "/none"},
		{name: "a sealed command", image: withCommand, spec: resource.Container{Command: resource.SealKey("key").Seal("none")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := Image{Root: root, Name: "image", Config: tt.image}
			for range 2 { // looked at, and remembered
				found, err := p.Flaws(&tt.spec, !tt.awaits)
				switch {
				case err != nil:
					t.Fatal(err)
				case tt.about == "" && len(found) > 0:
					t.Errorf("%+v", found)
				case tt.about != "" && (len(found) != 1 || found[0].Attribute != tt.about || !strings.Contains(found[0].Text, tt.detail)):
					t.Errorf("%+v, want one about %s with %q", found, tt.about, tt.detail)
				}
			}
		})
	}
}
