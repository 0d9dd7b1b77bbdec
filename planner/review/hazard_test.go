package review

import (
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// hazardTest is a plan with the hazards that it has.
type hazardTest struct {
	name string
	plan func(*world)
	// want holds a line for each hazard: its code, its path, and a part of its detail.
	want []string
}

func (tt hazardTest) run(t *testing.T) {
	w := newWorld()
	tt.plan(w)
	var got []string
	for _, h := range Hazards(w.Input) {
		got = append(got, h.Code+" "+string(h.Path)+": "+h.Detail)
	}
	same := len(got) == len(tt.want)
	for i := range got {
		same = same && i < len(tt.want) && strings.HasPrefix(got[i], beforeDots(tt.want[i])) && strings.Contains(got[i], afterDots(tt.want[i]))
	}
	if !same {
		t.Errorf("%s:\n%s\nwant\n%s", tt.name, strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
	}
}

func beforeDots(s string) string { before, _, _ := strings.Cut(s, "…"); return before }
func afterDots(s string) string  { _, after, _ := strings.Cut(s, "…"); return after }

// inSpace changes the network of the space.
func inSpace(had, has *resource.Network) func(*world) {
	return func(w *world) {
		w.have(space, &resource.Space{Network: had})
		w.change(plan.Update, space, &resource.Space{Network: has})
	}
}

func denying(rules ...resource.EgressRule) *resource.Network {
	return &resource.Network{Egress: &resource.Egress{Default: resource.EgressDeny, Allow: rules}}
}

// replaced replaces the side container by the spec.
func replaced(had, has *resource.Container) func(*world) {
	return func(w *world) {
		w.have(side, had)
		w.change(plan.Replace, side, has)
	}
}

// created creates a container beside the others.
func created(spec *resource.Container) func(*world) {
	return func(w *world) { w.change(plan.Create, cell+"/new", spec) }
}

func deleteAll(w *world) {
	w.change(plan.Delete, "main", nil)
	w.change(plan.Delete, root, nil)
	w.change(plan.Delete, side, nil)
}

// TestHazards has plans with and without each hazard.
func TestHazards(t *testing.T) {
	tests := []hazardTest{
		{"nothing changes", func(*world) {}, nil},
		{"a plain cell is created", func(w *world) {
			w.change(plan.Create, "main/s/t/d", &resource.Cell{}).After.Status.Attachment = attachment("8080:80")
			w.change(plan.Create, "main/s/t/d/root", &resource.Container{Root: true, Image: "web:1", Ports: []string{"8080:80"}, Env: resource.Env{"PASSWORD_FILE": "/run/secrets/x"}})
		}, nil},

		{"data in a replaced container", func(w *world) {
			w.replace(side)
			w.Facts.Files = map[resource.Path]plan.Files{side: {Bytes: 1234567890, Largest: "/data/db"}}
		}, []string{"data-loss main/s/t/c/side: 1.23 GB…the largest file is /data/db"}},
		{"data in a deleted container", func(w *world) {
			w.change(plan.Delete, side, nil)
			w.Facts.Files = map[resource.Path]plan.Files{side: {Bytes: 1}}
		}, []string{"data-loss main/s/t/c/side: 1 B…is deleted. Copy"}},
		{"a file with a hostile name", func(w *world) {
			w.change(plan.Delete, side, nil)
			w.Facts.Files = map[resource.Path]plan.Files{side: {Bytes: 1, Largest: "/x\n\nPlan: 0 to add\x1b[2J"}}
		}, []string{"data-loss main/s/t/c/side: …the largest file is /x\uFFFD\uFFFDPlan: 0 to add\uFFFD[2J."}},
		{"files that can't be read", func(w *world) { w.replace(side); w.Facts.Files = nil }, []string{"data-loss main/s/t/c/side: …could not be looked at"}},
		{"no data", func(w *world) { w.replace(side) }, nil},
		{"containerd lost the container", func(w *world) {
			w.replace(side)
			w.Actual.Namespaces["kukeon-main"].Containers = map[string]*plan.Container{}
		}, nil},
		{"data in a container that is restarted", func(w *world) {
			w.change(plan.Restart, side, w.Prior.Records[side].Spec)
			w.Facts.Files = map[resource.Path]plan.Files{side: {Bytes: 1}}
		}, nil},

		{"no longer internal", inSpace(&resource.Network{Internal: true}, nil), []string{"egress-widened main/s: Its network is no longer internal"}},
		{"egress removed", inSpace(denying(), nil), []string{"egress-widened main/s: Its egress policy no longer denies"}},
		{"a destination more", inSpace(denying(resource.EgressRule{CIDR: "10.0.0.0/24"}), denying(resource.EgressRule{CIDR: "10.0.0.0/8", Ports: []string{"443", "53/udp"}})),
			[]string{"egress-widened main/s: …10.0.0.0/8 ports 443 and 53/udp"}},
		{"more ports", inSpace(denying(resource.EgressRule{CIDR: "10.0.0.1", Ports: []string{"443"}}), denying(resource.EgressRule{CIDR: "10.0.0.1"})), []string{"egress-widened main/s: …10.0.0.1."}},
		{"internal to some destinations", inSpace(&resource.Network{Internal: true}, denying(resource.EgressRule{CIDR: "10.0.0.1"})), []string{"egress-widened main/s: …10.0.0.1."}},
		{"narrower rules", inSpace(denying(resource.EgressRule{CIDR: "10.0.0.0/8", Ports: []string{"400-500"}}), denying(resource.EgressRule{CIDR: "10.1.0.0/16", Ports: []string{"443"}})), nil},
		{"from open to denying", inSpace(nil, denying(resource.EgressRule{CIDR: "10.0.0.0/8"})), nil},
		{"from denying to internal", inSpace(denying(resource.EgressRule{CIDR: "10.0.0.0/8"}), &resource.Network{Internal: true}), nil},

		{"latest", func(w *world) {
			w.change(plan.Create, cell+"/x", &resource.Container{Image: "web:latest"}).After.Status.ImageDigest = "sha256:1"
			w.change(plan.Create, cell+"/y", &resource.Container{Image: "web:latest"})
		}, []string{"floating-tag main/s/t/c/x: …as that of 1 other container, is web:latest"}},
		{"latest of a realm that is never pulled", created(&resource.Container{Image: "web:latest", PullPolicy: "never"}), nil},
		{"latest with a digest", created(&resource.Container{Image: "web:latest@sha256:1"}), nil},
		{"a version", created(&resource.Container{Image: "web:1.2"}), nil},
		{"latest as before, in place", func(w *world) {
			w.have(side, &resource.Container{Image: "web:latest"})
			w.change(plan.Update, side, &resource.Container{Image: "web:latest", OOMScoreAdj: 1})
		}, nil},

		{"the network of the host", created(&resource.Container{Root: true, Naming: resource.Naming{Network: "host"}}), []string{"host-network main/s/t/c/new: Its cell gets the network of the host"}},
		{"the network of the host, as before", replaced(&resource.Container{Root: true, Naming: resource.Naming{Network: "host"}}, &resource.Container{Root: true, Image: "b", Naming: resource.Naming{Network: "host"}}), nil},
		{"no network", created(&resource.Container{Root: true, Naming: resource.Naming{Network: "none"}}), nil},
		{"a directory of root", created(&resource.Container{Volumes: []resource.VolumeMount{{Source: "/root/.ssh/x", Target: "/s", ReadOnly: true}}}), []string{"host-mount main/s/t/c/new: It mounts /root/.ssh/x (read-only) of the host"}},
		{"a directory for the container", created(&resource.Container{Volumes: []resource.VolumeMount{{Source: "/root/minecraft", Target: "/s"}}}), nil},
		{"the socket of Docker", created(&resource.Container{Volumes: []resource.VolumeMount{{Source: "/var/run/docker.sock", Target: "/s", ReadOnly: true}}}), []string{"host-mount main/s/t/c/new: It mounts /var/run/docker.sock (read-only) of the host"}},
		{"the root of the host, writable now", replaced(&resource.Container{Volumes: []resource.VolumeMount{{Source: "/etc", Target: "/e", ReadOnly: true}}},
			&resource.Container{Volumes: []resource.VolumeMount{{Source: "/etc", Target: "/e"}}}), []string{"host-mount main/s/t/c/side: It mounts /etc of"}},
		{"as before", replaced(&resource.Container{Volumes: []resource.VolumeMount{{Source: "/etc", Target: "/e"}}}, &resource.Container{Volumes: []resource.VolumeMount{{Source: "/etc", Target: "/e", ReadOnly: true}}}), nil},
		{"harmless mounts", created(&resource.Container{Volumes: []resource.VolumeMount{
			{Source: "/etc/localtime", Target: "/etc/localtime", ReadOnly: true}, {Source: "/srv/data", Target: "/data"}, {Source: "/etc/app", Target: "/c"}, {Source: "/var/lib/app", Target: "/d"},
		}}), nil},

		{"memory below the use", func(w *world) {
			w.change(plan.Update, side, &resource.Container{Image: "side:1", Common: resource.Common{Resources: &resource.Resources{Memory: 32 << 20, PIDs: 10}}})
			w.Facts.Use = map[resource.Path]plan.Use{side: {Memory: 120 << 20, PIDs: 34}}
		}, []string{"limit-below-use main/s/t/c/side: The memory limit falls to 32 MiB, and 120 MiB are in use…to 10, and there are 34"}},
		{"limits above the use", func(w *world) {
			w.change(plan.Update, side, &resource.Container{Common: resource.Common{Resources: &resource.Resources{Memory: 32 << 20, PIDs: 10}}})
			w.Facts.Use = map[resource.Path]plan.Use{side: {Memory: 32 << 20, PIDs: 9}}
		}, nil},
		{"a limit that rises", func(w *world) {
			w.have(side, &resource.Container{Common: resource.Common{Resources: &resource.Resources{Memory: 16 << 20}}})
			w.change(plan.Update, side, &resource.Container{Common: resource.Common{Resources: &resource.Resources{Memory: 32 << 20}}})
			w.Facts.Use = map[resource.Path]plan.Use{side: {Memory: 120 << 20, PIDs: -1}}
		}, nil},
		{"a limit somebody raised", func(w *world) {
			r := w.have(side, &resource.Container{Common: resource.Common{Resources: &resource.Resources{Memory: 32 << 20}}})
			w.Actual.Cgroups[r.Status.Cgroup] = resource.Resources{Memory: 64 << 20}
			w.change(plan.Update, side, r.Spec)
			w.Facts.Use = map[resource.Path]plan.Use{side: {Memory: 48 << 20}}
		}, []string{"limit-below-use main/s/t/c/side: …48 MiB"}},

		{"most containers go", func(w *world) {
			for _, name := range []string{"a", "b", "d"} {
				w.have(cell.Join(name), &resource.Container{})
				w.change(plan.Delete, cell.Join(name), nil)
				w.Actual.Namespaces["kukeon-main"].Containers = map[string]*plan.Container{}
			}
		}, []string{"mass-destruction main/s/t/c/a: The plan destroys 3 of the 5 containers of project shop"}},
		{"half of the containers go", func(w *world) {
			for _, name := range []string{"a", "b", "d", "e"} {
				w.have(cell.Join(name), &resource.Container{})
			}
			for _, name := range []string{"a", "b", "d"} {
				w.change(plan.Delete, cell.Join(name), nil)
			}
			w.Actual.Namespaces["kukeon-main"].Containers = map[string]*plan.Container{}
		}, nil},

		{"a port more, everywhere", func(w *world) {
			w.change(plan.Update, cell, &resource.Cell{}).After.Status.Attachment = attachment("8080:80")
		}, []string{"port-exposed main/s/t/c: Port 8080:80 is published on all addresses…publish 127.0.0.1:8080:80"}},
		{"from loopback to everywhere", func(w *world) {
			w.publish(root, "127.0.0.1:8080:80")
			w.change(plan.Update, cell, &resource.Cell{}).After.Status.Attachment = attachment("8080:80")
		}, []string{"port-exposed main/s/t/c: Port 8080:80 (was 127.0.0.1:8080:80)", "port-gap main/s/t/c: Published port 127.0.0.1:8080:80 is closed, and stays so"}},
		{"a new database, everywhere", func(w *world) {
			w.change(plan.Create, "main/s/t/d", &resource.Cell{}).After.Status.Attachment = attachment("15432:5432", "8080:80")
		}, []string{"port-exposed main/s/t/d: Port 15432:5432 (PostgreSQL) is"}},
		{"a new database on loopback", func(w *world) {
			w.change(plan.Create, "main/s/t/d", &resource.Cell{}).After.Status.Attachment = attachment("127.0.0.1:5432:5432")
		}, nil},
		{"another port for the same", func(w *world) {
			w.publish(root, "8080:80")
			w.Actual.Namespaces["kukeon-main"].Containers[resource.ContainerID(root)].Status = plan.TaskStopped
			w.change(plan.Update, cell, &resource.Cell{}).After.Status.Attachment = attachment("8081:80")
		}, nil},
		{"a range that shrinks", func(w *world) {
			w.publish(root, "8080-8089:80-89")
			w.Actual.Namespaces["kukeon-main"].Containers[resource.ContainerID(root)].Status = plan.TaskStopped
			w.change(plan.Update, cell, &resource.Cell{}).After.Status.Attachment = attachment("8080-8085:80-85")
		}, nil},

		{"the ports of a replaced root", func(w *world) {
			w.publish(root, "8080:80", "127.0.0.1:53:53/udp")
			w.replace(root)
			w.Estimate = estimates(map[plan.Op]float64{plan.OpDelete: 1.5, plan.OpCreate: 0.5})
		}, []string{"port-gap main/s/t/c/root: Published ports 8080:80 and 127.0.0.1:53:53/udp are closed until the container is replaced, for about 2 s"}},
		{"the port of a restarted container", func(w *world) {
			w.publish(side, "8080:80")
			w.change(plan.Restart, side, w.Prior.Records[side].Spec)
		}, []string{"port-gap main/s/t/c/side: Published port 8080:80 is closed until the container is restarted: "}},
		{"the port of another container", func(w *world) {
			w.publish(root, "8080:80")
			w.replace(side)
		}, nil},
		{"a cell with a port goes", func(w *world) {
			w.publish(root, "8080:80")
			w.change(plan.Delete, cell, nil)
			w.change(plan.Delete, root, nil)
		}, []string{"port-gap main/s/t/c: Published port 8080:80 is closed, and stays so"}},
		{"destroy closes ports", func(w *world) {
			w.publish(root, "8080:80")
			w.Plan.Destroy = true
			w.change(plan.Delete, cell, nil)
			w.change(plan.Delete, root, nil)
		}, nil},
		{"the port of a cell that is down", func(w *world) {
			w.publish(root, "8080:80")
			w.Actual.Namespaces["kukeon-main"].Containers[resource.ContainerID(root)].Status = plan.TaskStopped
			w.replace(root)
		}, nil},

		{"privileged", created(&resource.Container{Privileged: true}), []string{"privileged-added main/s/t/c/new: It gets privileged:"}},
		{"more powers", replaced(&resource.Container{Devices: []string{"/dev/kvm"}}, &resource.Container{
			Capabilities: &resource.Capabilities{Add: []string{"CAP_SYS_ADMIN", "NET_ADMIN"}}, SecurityOpts: []string{"seccomp=unconfined"}, Devices: []string{"/dev/kvm", "/dev/sda:/dev/disk:r", "/dev/fuse"},
		}), []string{"privileged-added main/s/t/c/side: It gets the capability CAP_SYS_ADMIN, seccomp=unconfined and the device /dev/sda:"}},
		{"namespaces of the host", created(&resource.Container{Runtime: resource.Runtime{PID: "host", IPC: "host", DeviceCgroupRules: []string{"b *:* rwm"}}}), []string{"privileged-added main/s/t/c/new: It gets the PID namespace of the host, the IPC namespace of the host and the device rule b *:* rwm:"}},
		{"fewer powers", replaced(&resource.Container{Privileged: true}, &resource.Container{Capabilities: &resource.Capabilities{Add: []string{"SYS_ADMIN"}}}), nil},
		{"harmless settings", created(&resource.Container{
			Capabilities: &resource.Capabilities{Add: []string{"NET_BIND_SERVICE"}, Drop: []string{"ALL"}}, SecurityOpts: []string{"no-new-privileges=true"}, Devices: []string{"/dev/null"},
		}), nil},

		{"prevent_destroy removed", func(w *world) {
			w.Prior.Records[side].Status.PreventDestroy = true
			w.change(plan.Update, side, w.Prior.Records[side].Spec)
		}, []string{"protection-removed main/s/t/c/side: prevent_destroy is removed"}},
		{"prevent_destroy kept", func(w *world) {
			w.Prior.Records[side].Status.PreventDestroy = true
			w.change(plan.Update, side, w.Prior.Records[side].Spec).After.Status.PreventDestroy = true
		}, nil},

		{"a realm goes", deleteAll, []string{"realm-destroyed main: The realm is destroyed with 2 containers. Make"}},
		{"a realm goes with images", func(w *world) {
			w.Plan.Destroy = true
			deleteAll(w)
			w.Plan.Changes[0].RemoveImages = true
		}, []string{"realm-destroyed main: …and its images"}},
		{"a realm is replaced", func(w *world) {
			w.change(plan.Replace, "main", &resource.Realm{Namespace: "other"})
			w.replace(side)
		}, []string{"realm-destroyed main: The realm is replaced: it is destroyed with 1 container before"}},
		{"destroy", func(w *world) { w.Plan.Destroy = true; deleteAll(w) }, nil},

		{"a root with company", func(w *world) {
			w.replace(root)
			w.replace(side)
		}, []string{"root-replaced main/s/t/c/root: It is the root container…side restarts with it"}},
		{"a root alone", func(w *world) { w.replace(root) }, nil},
		{"a restarted root with its network", func(w *world) {
			w.change(plan.Restart, root, w.Prior.Records[root].Spec)
			w.change(plan.Restart, side, w.Prior.Records[side].Spec)
		}, nil},
		{"a restarted root without its network", func(w *world) {
			w.Actual.Cells[cell].NetNS = 0
			w.change(plan.Restart, root, w.Prior.Records[root].Spec)
			w.change(plan.Restart, side, w.Prior.Records[side].Spec)
		}, []string{"root-replaced main/s/t/c/root: …side restarts"}},

		{"passwords", created(&resource.Container{Env: resource.Env{
			"PGPASSWORD": "hunter2", "API_KEY": "k", "DB": "postgres://u:hunter2@h/db", "MAX_TOKENS": "4096", "ALLOW_EMPTY_PASSWORD": "yes", "TOKEN_FILE": "x", "URL": "https://u@h/",
			"SECRET": "sealed:hmac-sha256:" + strings.Repeat("0", 64), "PASSWORD": "",
		}}), []string{"secret-in-env main/s/t/c/new: Variables API_KEY, DB and PGPASSWORD of the environment are in plain text"}},
		{"a password as before", replaced(&resource.Container{Env: resource.Env{"PASSWORD": "hunter2"}}, &resource.Container{Env: resource.Env{"PASSWORD": "hunter2", "A": "b"}}), nil},

		{"a volume of another directory", replaced(&resource.Container{Volumes: []resource.VolumeMount{{Source: "/srv/a", Target: "/data"}, {Source: "/srv/c", Target: "/c"}}},
			&resource.Container{Volumes: []resource.VolumeMount{{Source: "/srv/b", Target: "/data"}}}),
			[]string{"volume-detached main/s/t/c/side: Volume /data is mounted from /srv/b, no longer from /srv/a; volume /c (from /srv/c) is not mounted any more"}},
		{"a volume at another place", replaced(&resource.Container{Volumes: []resource.VolumeMount{{Source: "/srv/a", Target: "/data"}, {Source: "/srv/conf", Target: "/conf", ReadOnly: true}}},
			&resource.Container{Volumes: []resource.VolumeMount{{Source: "/srv/a", Target: "/var/data"}}}), nil},
	}
	seen := map[string]bool{}
	for _, tt := range tests {
		t.Run(tt.name, tt.run)
		for _, line := range tt.want {
			code, _, _ := strings.Cut(line, " ")
			seen[code] = true
		}
	}
	for _, code := range plan.HazardCodes() {
		if !seen[code] {
			t.Errorf("no plan has the hazard %s", code)
		}
	}
}

// TestHazardOrder makes sure that hazards are in the order of the changes, that of one change in the order of the codes, and that no
// value of the environment is told.
func TestHazardOrder(t *testing.T) {
	w := newWorld()
	w.change(plan.Create, cell+"/a", &resource.Container{Image: "b:latest", Privileged: true, Env: resource.Env{"PASSWORD": "hunter2"}})
	w.change(plan.Create, cell+"/b", &resource.Container{Image: "c:latest", Privileged: true})
	var got []string
	for _, h := range Hazards(w.Input) {
		got = append(got, h.Path.Name()+" "+h.Code)
		if strings.Contains(h.Detail, "hunter2") {
			t.Error(h.Detail)
		}
	}
	if want := "a privileged-added,a secret-in-env,a floating-tag,b privileged-added,b floating-tag"; strings.Join(got, ",") != want {
		t.Errorf("%v, want %s", got, want)
	}
	if len(checks) != len(plan.HazardCodes()) {
		t.Fatal("a code has no condition")
	}
	for i, check := range checks {
		if check.code != plan.HazardCodes()[i] {
			t.Errorf("condition %d is that of %s", i, check.code)
		}
	}
}
