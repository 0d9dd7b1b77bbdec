package view

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kukeon/kuke/cmd/kuke/doctor"
	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares the output of show with testdata/<name>.golden.
func golden(t *testing.T, name string, colored bool, show func(*View)) {
	t.Helper()
	var b bytes.Buffer
	show(newView(&b, colored))
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(file, b.Bytes(), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v: write it with go test ./cmd/kuke/view -update", err)
	}
	if got := b.String(); got != string(want) {
		t.Errorf("%s: got:\n%s\nwant:\n%s", file, got, want)
	}
}

type specs = map[resource.Path]resource.Spec

const cell = resource.Path("main/default/blog/web")

// base is the applied configuration; each container is named after the action that awaits it.
func base() specs {
	all := specs{
		"main": &resource.Realm{}, "main/default": &resource.Space{}, "main/default/blog": &resource.Stack{}, cell: &resource.Cell{},
		cell + "/root": &resource.Container{Root: true, Image: "docker.io/library/nginx:1"},
		cell + "/replaced": &resource.Container{
			Image: "docker.io/library/busybox:1", Command: "/bin/sh", Args: []string{"-c", "sleep 1"}, Env: resource.Env{"A": "1", "B": "2", "C": "3"},
			Devices: []string{"/dev/fuse", "/dev/null"}, ReadOnlyRootFilesystem: true,
		},
		cell + "/updated": &resource.Container{Image: "docker.io/library/busybox:1", Common: resource.Common{Resources: &resource.Resources{Memory: 1 << 20}}},
	}
	for _, name := range []resource.Path{"started", "restarted", "adopted", "deleted"} {
		all[cell+"/"+name] = &resource.Container{Image: "docker.io/library/busybox:1"}
	}
	return all
}

func tree(all specs) *resource.Tree {
	t := resource.NewTree()
	for p, s := range all {
		t.Add(&resource.Resource{Path: p, Spec: s, Declared: resource.Range{File: "main.hcl"}, HCL: true})
	}
	return t
}

// applied returns a state and a host on which base was applied, and with which the containers' names come true.
func applied(t *testing.T) (*state.State, *plan.Actual) {
	t.Helper()
	actual := &plan.Actual{
		CgroupMode: "v2", Controllers: map[string]bool{"memory": true, "cpu": true, "pids": true},
		Namespaces: map[string]*plan.Namespace{}, Cgroups: map[string]resource.Resources{}, Images: map[plan.ImageKey]plan.ImageStatus{},
	}
	for _, reference := range []string{"docker.io/library/nginx:1", "docker.io/library/nginx:2", "docker.io/library/busybox:1", "docker.io/library/busybox:2"} {
		digest := "sha256:" + strings.Repeat(reference[len(reference)-1:], 64)
		actual.Images[plan.ImageKey{Namespace: "kukeon-main", Reference: reference}] = plan.ImageStatus{Remote: digest}
		if strings.HasSuffix(reference, "1") {
			actual.Images[plan.ImageKey{Namespace: "kukeon-main", Reference: reference}] = plan.ImageStatus{Local: digest}
		}
	}
	prior := &state.State{Lineage: "l", Serial: 1, Records: map[resource.Path]*state.Record{}}
	p, diags := planner.New(tree(base()), prior, actual, planner.Options{Project: "default"})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	ns := &plan.Namespace{Containers: map[string]*plan.Container{}, Images: 2}
	actual.Namespaces["kukeon-main"] = ns
	for _, c := range p.Changes {
		prior.Records[c.Path] = c.After
		actual.Cgroups[c.After.Status.Cgroup] = *resource.ResourcesOf(c.After.Spec)
		if c.Path.Kind() == resource.KindContainer {
			made := &plan.Container{ID: c.After.Status.ContainerID, Status: plan.TaskRunning, PID: 42, NetNS: 1, Labels: map[string]string{
				plan.LabelPath: string(c.Path), plan.LabelProject: "default", plan.LabelSpecDigest: c.After.Status.SpecDigest,
			}}
			ns.Containers[made.ID] = made
		}
	}
	ns.Containers[resource.ContainerID(cell+"/started")].Status = plan.TaskStopped
	ns.Containers[resource.ContainerID(cell+"/started")].ExitCode = 137
	ns.Containers[resource.ContainerID(cell+"/restarted")].NetNS = 2
	delete(prior.Records, cell+"/adopted")
	return prior, actual
}

func planned(t *testing.T, edit func(specs), opts planner.Options) *plan.Plan {
	t.Helper()
	prior, actual := applied(t)
	all := base()
	if edit != nil {
		edit(all)
	}
	opts.Project = "default"
	p, diags := planner.New(tree(all), prior, actual, opts)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return p
}

func container(all specs, name resource.Path) *resource.Container {
	return all[cell+"/"+name].(*resource.Container)
}

// everything changes each container as its name says.
func everything(all specs) {
	delete(all, cell+"/deleted")
	all[cell+"/created"] = &resource.Container{
		Image: "docker.io/library/busybox:2", Args: []string{"a b", "\x1b[31m<&>", "tab\tbed"}, Env: resource.Env{"GREETING": "ein gruß", "\x1b]0;x\a": "evil"},
		Volumes: []resource.VolumeMount{{Source: "/srv", Target: "/data", ReadOnly: true}}, Capabilities: &resource.Capabilities{Drop: []string{"ALL"}},
		Common: resource.Common{Resources: &resource.Resources{CPUs: 0.5}, Labels: map[string]string{"a-very-long-label-that-would-push-all-values-out-of-sight": "x"}},
	}
	container(all, "replaced").Env = resource.Env{"A": "1", "B": "two", "D": "4"}
	container(all, "replaced").Devices = []string{"/dev/null", "/dev/zero"}
	container(all, "replaced").Labels = map[string]string{"a": "b"}
	container(all, "updated").Resources = &resource.Resources{Memory: 2 << 20, PIDs: 10}
}

func rootReplaced(all specs) { container(all, "root").Image = "docker.io/library/nginx:2" }

func namespaceReplaced(all specs) {
	all["main"].(*resource.Realm).Namespace = "other"
	for p := range all {
		if p != "main" {
			delete(all, p)
		}
	}
}

// networkChanged moves the space, publishes a port, adds a cell, and has the apply wait.
func networkChanged(all specs) {
	all["main/default"].(*resource.Space).Network = &resource.Network{Subnet: "10.1.0.0/24", Egress: &resource.Egress{
		Default: resource.EgressDeny, Allow: []resource.EgressRule{{CIDR: "192.0.2.0/24", Ports: []string{"443"}}},
	}}
	all["main/default/blog/db"] = &resource.Cell{Address: "10.1.0.9"}
	all["main/default/blog/db/db"] = &resource.Container{Root: true, Image: "docker.io/library/busybox:1", Healthcheck: &resource.Healthcheck{TCP: "localhost:5432"}}
	container(all, "root").Ports = []string{"8080:80"}
	container(all, "root").NetworksAliases = []string{"www"}
	container(all, "updated").Healthcheck = &resource.Healthcheck{Exec: []string{"/bin/true"}}
}

func TestPlan(t *testing.T) {
	tests := []struct {
		name string
		plan *plan.Plan
	}{
		{"plan", planned(t, everything, planner.Options{})},
		{"plan-cascade", planned(t, rootReplaced, planner.Options{})},
		{"plan-namespace", planned(t, namespaceReplaced, planner.Options{})},
		{"plan-network", planned(t, networkChanged, planner.Options{})},
		{"plan-destroy", planned(t, nil, planner.Options{Destroy: true})},
		{"no-changes", &plan.Plan{Unchanged: make([]*state.Record, 7)}},
		{"no-changes-one", &plan.Plan{Unchanged: make([]*state.Record, 1)}},
		{"no-changes-stopped", &plan.Plan{Unchanged: make([]*state.Record, 7), Stopped: []resource.Path{"main/default/blog/web/side"}}},
		{"no-changes-stopped-two", &plan.Plan{Unchanged: make([]*state.Record, 7), Stopped: []resource.Path{"main/default/blog/web/web", "main/default/blog/web/side"}}},
		{"nothing-to-destroy", &plan.Plan{Destroy: true, Project: "shop"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			golden(t, tt.name, false, func(v *View) { v.Plan(tt.plan) })
			golden(t, tt.name+".color", true, func(v *View) { v.Plan(tt.plan) })
		})
	}
}

// A secret's change shows, its value doesn't.
func TestSensitiveValuesAreWithheld(t *testing.T) {
	c := &plan.Change{Path: "main", Action: plan.Update, Before: &state.Record{Spec: &resource.Realm{}}, After: &state.Record{Spec: &resource.Realm{}}}
	c.Diffs = []plan.Diff{{Name: "token", Sensitive: true, Before: "hunter1", After: "hunter2"}}
	var b bytes.Buffer
	newView(&b, false).Plan(&plan.Plan{Changes: []*plan.Change{c}, Steps: []plan.Step{{Op: plan.OpUpdate, Path: "main"}}})
	if got := b.String(); strings.Contains(got, "hunter") || !strings.Contains(got, "~ token = (sensitive value) -> (sensitive value)") {
		t.Errorf("printed:\n%s", got)
	}
}

func TestOutcome(t *testing.T) {
	p := planned(t, everything, planner.Options{})
	outcomes := make([]plan.Outcome, len(p.Steps))
	for i, s := range p.Steps {
		outcomes[i] = plan.Outcome{Step: s, Done: true}
	}
	exited := []plan.Exited{{Path: "main/default/blog/web/job", Reason: "it exited with code 1"}}
	outputs := map[string]*state.Output{
		"url": {Type: json.RawMessage(`"string"`), Value: json.RawMessage(`"http://example.com"`)},
		"key": {Sensitive: true},
	}
	complete := func(p *plan.Plan) func(*View) {
		return func(v *View) {
			if !v.Outcome(&plan.Result{Plan: p, Outcomes: outcomes, Exited: exited, Outputs: outputs}, newView(&bytes.Buffer{}, false), "kuke apply") {
				t.Error("not complete")
			}
		}
	}
	golden(t, "outcome", false, complete(p))
	golden(t, "outcome.color", true, complete(p))
	golden(t, "outcome-destroy", false, complete(&plan.Plan{Destroy: true}))

	failed := map[plan.Op]bool{}
	for i, o := range outcomes {
		switch {
		case o.Step.Op == plan.OpDelete && !failed[o.Step.Op]:
			outcomes[i] = plan.Outcome{Step: o.Step, Err: errors.New("device or resource busy\x1b[2J\nsecond line"), Log: []string{"ready", "busy\x1b[2J\r"}}
		case o.Step.Op == plan.OpImage && !failed[o.Step.Op]:
			outcomes[i] = plan.Outcome{Step: o.Step, Err: errors.New("no such host")}
		case o.Step.Op == plan.OpCreate:
			outcomes[i] = plan.Outcome{Step: o.Step, Blocker: &p.Steps[0]}
		case o.Step.Op == plan.OpStart:
			outcomes[i] = plan.Outcome{Step: o.Step}
		}
		failed[o.Step.Op] = true
	}
	incomplete := func(errs *View) {
		var out bytes.Buffer
		if newView(&out, false).Outcome(&plan.Result{Plan: p, Outcomes: outcomes, Outputs: outputs}, errs, "kuke apply --var 'a b'\x1b[2J") || out.Len() > 0 {
			t.Errorf("complete, or printed to the wrong stream: %q", out.String())
		}
	}
	golden(t, "outcome-incomplete", false, incomplete)
	golden(t, "outcome-incomplete.color", true, incomplete)
}

// A command for single resources names itself and counts only its own steps.
func TestOutcomeOfCommand(t *testing.T) {
	change := func(actions ...plan.Action) (changes []*plan.Change) {
		for _, a := range actions {
			changes = append(changes, &plan.Change{Path: "main/default/blog/web/httpd", Action: a})
		}
		return changes
	}
	done := func(ops ...plan.Op) (outcomes []plan.Outcome) {
		for _, op := range ops {
			outcomes = append(outcomes, plan.Outcome{Step: plan.Step{Op: op, Path: "main"}, Done: true})
		}
		return outcomes
	}
	for _, tt := range []struct {
		changes  []*plan.Change
		outcomes []plan.Outcome
		want     string
	}{
		{change(plan.Stop, plan.Stop), done(plan.OpStop, plan.OpStop), "Stop complete: 2 stopped."},
		{change(plan.Shutdown), done(plan.OpStop), "Shutdown complete: 1 stopped."},
		{change(plan.Restart), done(plan.OpStop, plan.OpStart), "Restart complete: 1 started, 1 stopped."},
		{change(plan.Kill), done(plan.OpKill), "Kill complete: 1 signalled."},
		{change(plan.Pause), done(plan.OpPause), "Pause complete: 1 paused."},
		{change(plan.Unpause), done(plan.OpUnpause), "Unpause complete: 1 unpaused."},
		{change(plan.Create), done(plan.OpCreate), "Create complete: 1 added."},
		{change(plan.Delete, plan.Record), done(plan.OpDelete, plan.OpRecord), "Delete complete: 1 destroyed, 1 recorded."},
		{change(plan.Start, plan.Restart), done(plan.OpStart), "Command complete: 1 started."},
	} {
		var out bytes.Buffer
		v := newView(&out, false)
		v.Outcome(&plan.Result{Plan: &plan.Plan{Changes: tt.changes}, Outcomes: tt.outcomes}, v, "")
		if got := strings.TrimSpace(out.String()); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
	var out bytes.Buffer
	v := newView(&out, false)
	v.Outcome(&plan.Result{
		Plan: &plan.Plan{Changes: change(plan.Stop)}, Outcomes: []plan.Outcome{{Step: plan.Step{Op: plan.OpStop, Path: "main"}, Err: errors.New("busy")}},
	}, v, "")
	if !strings.Contains(out.String(), "Stop incomplete: no step is complete.") {
		t.Errorf("got %q", out.String())
	}
}

// A saved plan without changes is none to perform.
func TestSavedPlan(t *testing.T) {
	for want, p := range map[string]*plan.Plan{
		"\nSaved the plan to a.plan. The plan has no changes.\n":                            {},
		"\nSaved the plan to a.plan. To perform exactly these actions: kuke apply a.plan\n": {Changes: []*plan.Change{{Path: "main", Action: plan.Create}}, Steps: []plan.Step{{Op: plan.OpCreate, Path: "main"}}},
	} {
		var out bytes.Buffer
		newView(&out, false).SavedPlan(p, "a.plan", "kuke apply a.plan")
		if out.String() != want {
			t.Errorf("got %q, want %q", out.String(), want)
		}
	}
}

// Of very many errors there is a count.
func TestManyErrors(t *testing.T) {
	const many = 1000
	var out bytes.Buffer
	errs := newView(&out, false)
	outcomes := make([]plan.Outcome, many)
	var ds resource.Diagnostics
	for i := range outcomes {
		step := plan.Step{Op: plan.OpCreate, Path: "main"}
		outcomes[i] = plan.Outcome{Step: step, Err: errors.New("no space left")}
		ds.Errorf(resource.Range{}, "", "Duplicate resource", "Again")
		ds.Warnf(resource.Range{}, "", "Odd", "Again")
	}
	errs.Outcome(&plan.Result{Plan: &plan.Plan{}, Outcomes: outcomes}, errs, "")
	if got := out.String(); strings.Count(got, "no space left") != maxShown || !strings.Contains(got, "\n… and 900 more errors\n") {
		t.Errorf("printed %d: %s", strings.Count(got, "no space left"), got)
	}
	out.Reset()
	for i := range outcomes {
		outcomes[i].Err = nil // not begun
	}
	errs.Outcome(&plan.Result{Plan: &plan.Plan{}, Outcomes: outcomes}, errs, "")
	if got := out.String(); strings.Count(got, "interrupted before") != maxLeft || !strings.Contains(got, "before\n  … and 980 more steps\n\nCommand incomplete") {
		t.Errorf("printed %d: %s", strings.Count(got, "interrupted before"), got)
	}
	out.Reset()
	errs.Diagnostics(ds, nil)
	if got := out.String(); strings.Count(got, "Error: ") != maxShown || strings.Count(got, "Warning: ") != maxShown ||
		!strings.HasSuffix(got, "\n… and 900 more errors\n\n… and 900 more warnings\n") {
		t.Errorf("printed: %s", got)
	}
}

func TestProgress(t *testing.T) {
	golden(t, "progress", false, func(v *View) {
		p := v.Progress(v)
		create := plan.Step{Op: plan.OpCreate, Path: "main"}
		image := plan.Step{Op: plan.OpImage, Image: &plan.Image{Reference: "nginx\x1b[31m"}}
		p.Begin(&plan.Plan{Steps: []plan.Step{create, image}}, state.Durations{}, 1)
		for i, s := range []plan.Step{create, image} {
			p.Observe(plan.Event{Index: i, Step: s})
		}
		p.Observe(plan.Event{Index: 1, Step: image, Progress: plan.Progress{Bytes: 1, Total: 2}})
		p.Observe(plan.Event{Step: create, Done: true, Elapsed: 1234567890})
		p.Observe(plan.Event{Index: 1, Step: image, Done: true, Elapsed: 20 * time.Millisecond, Err: errors.New("no such host")})
	})
}

// TestStepWords makes sure that each operation has a word for its beginning and for its end.
func TestStepWords(t *testing.T) {
	for _, op := range []plan.Op{
		plan.OpImage, plan.OpCreate, plan.OpUpdate, plan.OpDelete, plan.OpStop, plan.OpStart, plan.OpKill,
		plan.OpPause, plan.OpUnpause, plan.OpRecord, plan.OpAdopt, plan.OpForget, plan.OpCheck, plan.OpNames,
	} {
		if begun[op] == "" || ended[op] == "" {
			t.Errorf("%s: begun %q, ended %q", op, begun[op], ended[op])
		}
	}
}

const source = "realm \"main\" {\n\tspace \"grüße\" { x = \"日本\" }\n\tlong = [\n  1,\n]\n}\nesc\x1b[31m\r\nbell\a = 1\r\n"

func at(line, column, endLine, endColumn int) resource.Range {
	return resource.Range{File: "main.hcl", Start: resource.Pos{Line: line, Column: column}, End: resource.Pos{Line: endLine, Column: endColumn}}
}

func TestDiagnostics(t *testing.T) {
	diagnostic := func(noun string, r resource.Range) resource.Diagnostic {
		return resource.Diagnostic{Severity: resource.Error, Summary: "Bad " + noun, Detail: "It is bad.\nRepair it.\n\nThis was said by a rule.", Subject: r}
	}
	ds := resource.Diagnostics{
		diagnostic("start", at(1, 1, 1, 6)),
		diagnostic("tab and UTF-8", at(2, 8, 2, 15)),
		diagnostic("wide characters", at(2, 22, 2, 26)),
		diagnostic("lines", at(3, 9, 5, 2)),
		diagnostic("one character", at(5, 1, 5, 1)),
		diagnostic("escape sequence", at(7, 1, 7, 4)),
		diagnostic("bell", at(8, 5, 8, 6)),
		diagnostic("column beyond the line", at(1, 99, 1, 120)),
		diagnostic("end beyond the line", at(1, 7, 1, 1<<40)),
		diagnostic("end before start", at(1, 7, 1, 2)),
		diagnostic("line beyond the file", at(99, 1, 99, 2)),
		diagnostic("negative place", at(-1, -1, -1, -1)),
		diagnostic("file without lines", resource.Range{File: "main.hcl"}),
		diagnostic("file without source", resource.Range{File: "other.hcl", Start: resource.Pos{Line: 3, Column: 4}}),
		diagnostic("file name \x1b[31m", resource.Range{File: "\x1b[2J.hcl"}),
		{Severity: resource.Warning, Summary: "Odd", Detail: "\u202egnp.exe \u009b31m \x7f"},
		{Severity: resource.Error, Summary: "Short"},
	}
	sources := map[string][]byte{"main.hcl": []byte(source)}
	golden(t, "diagnostics", false, func(v *View) { v.Diagnostics(ds, sources) })
	golden(t, "review", false, func(v *View) {
		v.Review(&plan.Plan{Unchanged: make([]*state.Record, 7), Diagnostics: ds[len(ds)-2 : len(ds)-1]})
	})
	golden(t, "diagnostics.color", true, func(v *View) { v.Error(ds[:2], sources) })
	golden(t, "error", false, func(v *View) { v.Error(errors.New("read \x1b[31m: no"), nil) })
	golden(t, "validation.json", false, func(v *View) {
		if err := v.ValidationJSON(append(ds[:3:3], ds[15]), sources); err != nil {
			t.Error(err)
		}
	})
}

func TestTables(t *testing.T) {
	prior, actual := applied(t)
	made := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var rows []Row
	for _, p := range prior.Paths() {
		if r := prior.Records[p]; p.Kind() == resource.KindContainer {
			c := actual.Namespaces["kukeon-main"].Containers[r.Status.ContainerID]
			row := Row{Record: r, State: c.State(), Container: c}
			if c.Status == plan.TaskStopped {
				row.Detail = fmt.Sprint(c.ExitCode)
			}
			rows = append(rows, row)
		}
	}
	rows[0].Record.Status.CreatedAt = &made
	now := made.Add(90 * time.Minute)
	golden(t, "table", false, func(v *View) { v.Table(resource.KindContainer, rows, false, now) })
	golden(t, "table-wide", false, func(v *View) { v.Table(resource.KindContainer, rows, true, now) })
	for kind, name := range map[resource.Kind]string{resource.KindSpace: "table-spaces", resource.KindCell: "table-cells"} {
		var rows []Row
		for _, p := range prior.Paths() {
			if p.Kind() == kind {
				rows = append(rows, Row{Record: prior.Records[p], State: "Ready"})
			}
		}
		golden(t, name, false, func(v *View) { v.Table(kind, rows, true, now) })
	}
	golden(t, "table-empty", false, func(v *View) { v.Table(resource.KindCell, nil, false, now) })
	golden(t, "state", false, func(v *View) { v.State(prior) })
	golden(t, "checks", false, func(v *View) {
		v.Checks([]doctor.Check{{Name: "root", OK: true, Found: "uid 0"}, {Name: "containerd", Needed: true, Found: "none", Fix: "apt-get install containerd"}, {Name: "io", Found: "no controller", Fix: "boot with it"}})
	})
	golden(t, "valid", false, func(v *View) { v.Valid(map[resource.Kind]int{resource.KindRealm: 1, resource.KindContainer: 2}) })
}

// No text and no place makes printing panic or print a control character.
func FuzzDiagnostics(f *testing.F) {
	f.Add("main.hcl", source, "Bad", "It is \x1b[31mbad", 2, 8, 2, 15)
	f.Add("a", "x\ty", "\x00", "\u202e", 1, 2, 1, 1<<62)
	f.Add("a", "\xff\xfe\n\r", "", "", 1, -5, -7, 0)
	f.Fuzz(func(t *testing.T, file, source, summary, detail string, line, column, endLine, endColumn int) {
		r := at(line, column, endLine, endColumn)
		r.File = file
		ds := resource.Diagnostics{{Severity: resource.Error, Summary: summary, Detail: detail, Subject: r}}
		var b bytes.Buffer
		newView(&b, false).Diagnostics(ds, map[string][]byte{file: []byte(source)})
		for _, c := range b.String() {
			if c < ' ' && c != '\n' && c != '\t' || c >= 0x7f && c < 0xa0 || c == '\u202e' {
				t.Fatalf("printed %q", b.String())
			}
		}
		if b.Len() > 10*(len(file)+len(source)+len(summary)+len(detail))+500 {
			t.Fatalf("printed %d bytes", b.Len())
		}
	})
}

func TestExplanation(t *testing.T) {
	golden(t, "kinds", false, func(v *View) { v.Kinds() })
	for _, path := range []string{"space", "container.volumes", "container.dependsOn.condition", "container.resources.memory", "container.resources.memorySwap", "container.secrets.name", "cell.parent", "container.env", "space.network.egress.allow.ports"} {
		e, err := config.Explain(path)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "explain-"+path, path == "space", func(v *View) { v.Explanation(e) })
	}
}

func TestDiff(t *testing.T) {
	before, after := "a=1\nb = 2\n\x1b[31mc =  3\n", "a = 1\nb = 2\n\x1b[31mc = 3\n"
	golden(t, "diff", false, func(v *View) { v.Diff("main.hcl", before, after) })
	golden(t, "diff.color", true, func(v *View) { v.Diff("main.hcl", before, after) })
	golden(t, "converted", false, func(v *View) {
		v.Converted("main.yaml", map[resource.Kind]int{resource.KindRealm: 1, resource.KindCell: 2})
	})
}

// A plan has the names of attributes of the language that declares the resource, and sizes as people write them.
func TestPlanLanguage(t *testing.T) {
	for file, want := range map[string]string{
		"main.hcl":  "      + networks_aliases[\"www\"]\n      ~ resources.memory     = 1MiB -> 48MiB\n      + resources.cpu_weight = 200\n",
		"main.yaml": "      + networksAliases[\"www\"]\n      ~ resources.memory    = 1MiB -> 48MiB\n      + resources.cpuWeight = 200\n",
	} {
		prior, actual := applied(t)
		all := base()
		container(all, "updated").NetworksAliases = []string{"www"}
		container(all, "updated").Resources = &resource.Resources{Memory: 48 << 20, CPUWeight: 200}
		desired := resource.NewTree()
		for p, s := range all {
			desired.Add(&resource.Resource{Path: p, Spec: s, Declared: resource.Range{File: file}, HCL: file == "main.hcl"})
		}
		p, diags := planner.New(desired, prior, actual, planner.Options{Project: "default"})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		var b bytes.Buffer
		newView(&b, false).Plan(p)
		if !strings.Contains(b.String(), want) {
			t.Errorf("%s: no %q in\n%s", file, want, b.String())
		}
	}
}
