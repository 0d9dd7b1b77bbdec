package view

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/docker/go-units"

	"github.com/kukeon/kuke/cmd/kuke/doctor"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Row is a recorded resource with its state on the host.
type Row = plan.Live

// Table prints rows of one kind in columns; wide adds more of them.
func (v *View) Table(kind resource.Kind, rows []Row, wide bool, now time.Time) {
	if len(rows) == 0 {
		v.printf("No %s.\n", kind.Plural())
		return
	}
	v.columns(header(kind, wide), func(add func(...string)) {
		for _, r := range rows {
			add(v.cells(kind, r, wide, now)...)
		}
	})
}

// Rows prints rows as Table does, without the header.
func (v *View) Rows(kind resource.Kind, rows []Row, wide bool, now time.Time) {
	v.columns(nil, func(add func(...string)) {
		for _, r := range rows {
			add(v.cells(kind, r, wide, now)...)
		}
	})
}

// header names the columns that [View.cells] fills.
func header(kind resource.Kind, wide bool) []string {
	names := []string{"PATH", "STATE"}
	switch kind {
	case resource.KindVolume:
		return volumeHeader(wide)
	case resource.KindSpace:
		names = append(names, "SUBNET")
	case resource.KindCell:
		names = append(names, "ADDRESS", "PORTS")
	case resource.KindContainer:
		names = append(names, "RESTARTS", "IMAGE")
	}
	names = append(names, "AGE")
	if wide {
		names = append(names, "PROJECT", "NAMESPACE", "CGROUP")
		switch kind {
		case resource.KindSpace:
			names = append(names, "NETWORK", "BRIDGE", "SUBNET6")
		case resource.KindCell:
			names = append(names, "ADDRESS6")
		case resource.KindContainer:
			names = append(names, "ID", "PID", "HEALTH")
		}
	}
	return names
}

func (v *View) cells(kind resource.Kind, r Row, wide bool, now time.Time) []string {
	status := r.Record.Status
	cells := []string{string(r.Record.Path), stateText(r)}
	switch kind {
	case resource.KindVolume:
		return volumeCells(r, wide, now)
	case resource.KindSpace:
		cells = append(cells, networkCells(status.Network)[0])
	case resource.KindCell:
		cells = append(cells, attachmentCells(status.Attachment)...)
	case resource.KindContainer:
		cells = append(cells, restarts(r.Container), r.Record.Spec.(*resource.Container).Image)
	}
	age := "-"
	if status.CreatedAt != nil {
		age = compact(now.Sub(*status.CreatedAt))
	}
	cells = append(cells, age)
	if !wide {
		return cells
	}
	cells = append(cells, orDash(status.Project), status.Namespace, status.Cgroup)
	switch kind {
	case resource.KindSpace:
		cells = append(cells, networkCells(status.Network)[1:]...)
	case resource.KindCell:
		cells = append(cells, addresses6(status.Attachment))
	case resource.KindContainer:
		pid := "-"
		if r.Container != nil && r.Container.PID != 0 {
			pid = fmt.Sprint(r.Container.PID)
		}
		cells = append(cells, status.ContainerID, pid, healthText(r.Health, now))
	}
	return cells
}

// healthText tells the health of a container, when it was checked, and why the check has failed.
func healthText(h *plan.HealthStatus, now time.Time) string {
	if h == nil {
		return "-"
	}
	text := h.State
	if !h.CheckedAt.IsZero() {
		text += fmt.Sprintf(", checked %s ago", compact(now.Sub(h.CheckedAt)))
	}
	if h.Detail != "" {
		text += ": " + h.Detail
	}
	return text
}

// stateText is a state with its detail.
func stateText(r Row) string {
	if r.Detail == "" {
		return r.State
	}
	return r.State + " (" + r.Detail + ")"
}

// networkCells returns the subnet, the name, the bridge and the IPv6 subnet of a network.
func networkCells(n *state.Network) []string {
	if n == nil {
		return []string{"-", "-", "-", "-"}
	}
	return []string{n.Subnet, n.Name, n.Bridge, orDash(n.Subnet6)}
}

// attachmentCells returns the addresses and the published ports of a cell.
func attachmentCells(a *state.Attachment) []string {
	if a == nil {
		return []string{"-", "-"}
	}
	if a.Mode != "" {
		return []string{"(" + a.Mode + ")", "-"}
	}
	var addresses []string
	for _, i := range a.Interfaces {
		address, _, _ := strings.Cut(i.Address, "/")
		addresses = append(addresses, address)
	}
	return []string{strings.Join(addresses, ","), orDash(strings.Join(a.Published, ","))}
}

// addresses6 returns the IPv6 addresses of a cell.
func addresses6(a *state.Attachment) string {
	var addresses []string
	if a != nil {
		for _, i := range a.Interfaces {
			if address, _, ok := strings.Cut(i.Address6, "/"); ok {
				addresses = append(addresses, address)
			}
		}
	}
	return orDash(strings.Join(addresses, ","))
}

// restarts returns how often containerd restarted the container, where it counts that.
func restarts(c *plan.Container) string {
	if c == nil || c.Restarts < 0 {
		return "-"
	}
	return fmt.Sprint(c.Restarts)
}

// compact spells a duration in its largest unit, as tables have room for: 42s, 7m, 3h, 12d.
func compact(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", max(0, d/time.Second))
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 2*day:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dd", d/day)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// columns prints a header and rows, aligned.
func (v *View) columns(header []string, rows func(add func(...string))) {
	v.mu.Lock()
	defer v.mu.Unlock()
	const gap = 3
	w := tabwriter.NewWriter(&v.out, 0, 0, gap, ' ', 0)
	line := func(cells ...string) { _, _ = io.WriteString(w, visible(strings.Join(cells, "\t"))+"\n") }
	if header != nil {
		line(header...)
	}
	rows(line)
	_ = w.Flush()
}

// Images prints a table of images, a wide one with the time at which each came to the host.
func (v *View) Images(images []executor.Image, wide bool) {
	if len(images) == 0 {
		v.printf("No images.\n")
		return
	}
	header := []string{"IMAGE", "DIGEST", "SIZE"}
	if wide {
		header = append(header, "CREATED")
	}
	v.images(header, images, wide)
}

// ImageRows prints images as rows that follow a table.
func (v *View) ImageRows(images []executor.Image, wide bool) { v.images(nil, images, wide) }

func (v *View) images(header []string, images []executor.Image, wide bool) {
	v.columns(header, func(add func(...string)) {
		for _, image := range images {
			cells := []string{image.Name, image.Digest, units.HumanSize(float64(image.Size))}
			if wide {
				cells = append(cells, image.Created.UTC().Format(time.RFC3339))
			}
			add(cells...)
		}
	})
}

// State prints the recorded resources with their attributes.
func (v *View) State(st *state.State) { v.printf("%s", v.ink.state(st)) }

func (ink *palette) state(st *state.State) *page {
	b := &page{}
	if len(st.Records) == 0 {
		b.writef("Nothing is recorded.\n")
		return b
	}
	for i, p := range st.Paths() {
		r := st.Records[p]
		if i > 0 {
			b.writef("\n")
		}
		b.writef("%s\n", ink.bold("%s %s", p.Kind().Lower(), p))
		if project := r.Status.Project; project != "" {
			b.add(classReason, "", "", fmt.Sprintf("    %s\n", ink.faint("# project %s", project)))
		}
		for _, leaf := range resource.Leaves(r.Spec) {
			text := attributeValue(leaf.Attribute, leaf.Value)
			if leaf.Withheld() {
				text = plan.SensitiveValue
			}
			if !leaf.Withheld() && isMember(leaf.Name, leaf.Value) {
				b.writef("    %s\n", visible(leaf.Name))
				continue
			}
			b.writef("    %s = %s\n", visible(leaf.Name), text)
		}
	}
	return b
}

// Valid says that a configuration is valid and counts its resources.
func (v *View) Valid(counts map[resource.Kind]int) {
	if len(counts) == 0 { // of a module, whose caller names the parents
		v.printf("%s\n", v.ink.green("The configuration is valid."))
		return
	}
	v.printf("%s It declares %s.\n", v.ink.green("The configuration is valid."), countsText(counts))
}

// Invalid says that a configuration is not valid, and where its first error is. [View.Diagnostics] prints the errors.
func (v *View) Invalid(ds resource.Diagnostics) {
	n, first := 0, ""
	for _, d := range ds {
		if d.Severity != resource.Error {
			continue
		}
		if n++; n == 1 {
			first = d.Subject.String()
		}
	}
	where := ""
	switch {
	case first == "":
	case n == 1:
		where = ", at " + visible(first)
	default:
		where = ", the first at " + visible(first)
	}
	v.printf("%s It has %s%s.\n", v.ink.red("The configuration is not valid."), plural(n, "error"), where)
}

// Count spells a number with a noun: "1 resource", "2 resources".
func Count(n int, noun string) string { return plural(n, noun) }

// Rebuilt counts the resources of a state, and the records that were missing in it.
func (v *View) Rebuilt(resources, restored int) {
	were := "were"
	if restored == 1 {
		were = "was"
	}
	v.printf("The state has %s. %s %s restored from the host.\n", plural(resources, "resource"), plural(restored, "missing record"), were)
}

// Converted counts the resources written to file.
func (v *View) Converted(file string, counts map[resource.Kind]int) {
	v.printf("%s declares %s. Remove the files it was converted from: a resource declared twice is an error.\n", visible(file), countsText(counts))
}

func countsText(counts map[resource.Kind]int) string {
	var parts []string
	for _, k := range resource.AllKinds {
		if n := counts[k]; n > 0 {
			parts = append(parts, plural(n, k.Lower()))
		}
	}
	return strings.Join(parts, ", ")
}

// Checks prints findings, and the fix of bad ones.
func (v *View) Checks(checks []doctor.Check) {
	for _, c := range checks {
		mark := v.ink.green("ok  ")
		switch {
		case !c.OK && c.Needed:
			mark = v.ink.red("FAIL")
		case !c.OK:
			mark = v.ink.yellow("warn")
		}
		v.printf("%s  %-12s %s\n", mark, c.Name, visible(c.Found))
		if !c.OK && c.Fix != "" {
			v.printf("      %-12s fix: %s\n", "", c.Fix)
		}
	}
}
