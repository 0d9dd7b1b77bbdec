package plan

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/kukeon/kuke/config/resource"
)

// Hazard is a risk of a plan that a reviewer needs to know of. [Plan.Hazards] are in the order of the changes, and of the
// codes for each.
type Hazard struct {
	// Code is the name of the kind of hazard, such as "data-loss": a topic of the help documents it, and a command denies it
	// by this name.
	Code string `json:"code"`
	// Path is the resource that the hazard is about.
	Path resource.Path `json:"path"`
	// Detail is a sentence: the value, the consequence, and the remedy.
	Detail string `json:"detail"`
}

// Cost is the effect of a plan on running containers, their networks and their data.
type Cost struct {
	// Restarted are the containers whose process ends and begins again; Ended those whose process ends for good.
	Restarted []resource.Path `json:"restarted"`
	Ended     []resource.Path `json:"ended"`
	// Interruptions are the cells whose network goes away for a moment.
	Interruptions []Interruption `json:"interruptions"`
	// ClosedPorts are the published ports that are closed, for good or for a moment.
	ClosedPorts []ClosedPort `json:"closed_ports"`
	// Losses are the containers whose own file system holds data that the plan deletes.
	Losses []Loss `json:"losses"`
	// Pulls are the images to pull.
	Pulls []Pull `json:"pulls"`
}

// Interruption is the time for which a cell has no network.
type Interruption struct {
	Cell resource.Path `json:"cell"`
	// Seconds is an estimate from the durations of earlier applies; nil where there are none.
	Seconds *float64 `json:"seconds"`
}

// ClosedPort is a published port that a plan closes.
type ClosedPort struct {
	Cell resource.Path `json:"cell"`
	// Port is the port as a configuration spells it, such as "8080:80/tcp".
	Port string `json:"port"`
	// Reopened says that the plan opens it again.
	Reopened bool `json:"reopened"`
}

// Loss is the data in the writable layer of a container: outside of its volumes.
type Loss struct {
	Container resource.Path `json:"container"`
	// Bytes is the size that the snapshotter tells; nil where it is unknown.
	Bytes *int64 `json:"bytes"`
}

// Pull is an image that a plan pulls.
type Pull struct {
	Reference string `json:"reference"`
	// Bytes is the compressed size for this host's platform; nil where the registry does not tell.
	Bytes *int64 `json:"bytes"`
}

// validateReview makes sure that hazards and cost are about resources that the plan changes.
func (p *Plan) validateReview(changes map[resource.Path]*Change) error {
	for i, h := range p.Hazards {
		switch {
		case !isHazardCode(h.Code):
			return fmt.Errorf("hazard %d has the unknown code %q", i, h.Code)
		case changes[h.Path] == nil:
			return fmt.Errorf("hazard %d is about %s, which does not change", i, h.Path)
		case h.Detail == "" || strings.ContainsFunc(h.Detail, unicode.IsControl):
			return fmt.Errorf("hazard %d has no detail of one line", i)
		}
	}
	if p.Cost == nil {
		return nil
	}
	if err := p.Cost.validate(changes); err != nil {
		return fmt.Errorf("cost: %w", err)
	}
	return nil
}

// validate makes sure that the parts of the cost are those of the changes.
func (c *Cost) validate(changes map[resource.Path]*Change) error {
	cells := map[resource.Path]bool{}
	for p := range changes {
		switch p.Kind() {
		case resource.KindCell:
			cells[p] = true
		case resource.KindContainer:
			cells[p.Parent()] = true
		}
	}
	if c.Restarted == nil || c.Ended == nil || c.Interruptions == nil || c.ClosedPorts == nil || c.Losses == nil || c.Pulls == nil {
		return errors.New("a list is missing")
	}
	containers := append(append([]resource.Path{}, c.Restarted...), c.Ended...)
	for _, l := range c.Losses {
		containers = append(containers, l.Container)
		if l.Bytes != nil && *l.Bytes <= 0 {
			return fmt.Errorf("%s loses %d bytes", l.Container, *l.Bytes)
		}
	}
	for _, p := range containers {
		if changes[p] == nil || p.Kind() != resource.KindContainer {
			return fmt.Errorf("%q is no container that changes", p)
		}
	}
	for _, i := range c.Interruptions {
		if !cells[i.Cell] || i.Seconds != nil && *i.Seconds < 0 {
			return fmt.Errorf("cell %q does not change, or is interrupted for a negative time", i.Cell)
		}
	}
	for _, closed := range c.ClosedPorts {
		if _, err := resource.ParsePort(closed.Port); err != nil || !cells[closed.Cell] {
			return fmt.Errorf("cell %q does not change, or does not publish %q", closed.Cell, closed.Port)
		}
	}
	for _, pull := range c.Pulls {
		if pull.Reference == "" || pull.Bytes != nil && *pull.Bytes < 0 {
			return fmt.Errorf("image %q has a negative size, or no name", pull.Reference)
		}
	}
	return nil
}
