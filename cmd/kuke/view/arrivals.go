package view

import (
	"fmt"
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/kukeon/kuke/planner/plan"
)

const (
	// rateOver is the time that a rate is the mean of, and rateFrom the least time that gives one.
	rateOver, rateFrom = 5 * time.Second, 500 * time.Millisecond
	// digestShown is the number of characters of a layer's digest that tell it from the others.
	digestShown = len("sha256:") + 12
)

// arrivals is the progress of a pull over time. Its methods may not be called by several goroutines at once.
type arrivals struct {
	plan.Progress
	// last are the times and bytes of the last reports, the oldest first.
	last []arrival
}

type arrival struct {
	at    time.Time
	bytes int64
}

// add notes a report.
func (a *arrivals) add(p plan.Progress, now time.Time) {
	a.Progress = p
	a.last = append(a.last, arrival{now, p.Bytes})
	for len(a.last) > 2 && now.Sub(a.last[1].at) > rateOver {
		a.last = a.last[1:]
	}
}

// rate returns the number of bytes per second. ok is false as long as it is not known.
func (a *arrivals) rate(now time.Time) (rate float64, ok bool) {
	if len(a.last) == 0 || now.Sub(a.last[0].at) < rateFrom {
		return 0, false
	}
	bytes := a.last[len(a.last)-1].bytes - a.last[0].bytes
	return max(0, float64(bytes)/now.Sub(a.last[0].at).Seconds()), true
}

// texts describe the progress, the longest text first.
func (a *arrivals) texts(now time.Time) []string {
	if a.Bytes >= a.Total {
		return []string{"unpacking… " + size(a.Total)}
	}
	short := fmt.Sprintf("pulling… %s of %s", size(a.Bytes), size(a.Total))
	rate, ok := a.rate(now)
	if !ok {
		return []string{short}
	}
	middle := short + ", " + size(int64(rate)) + "/s"
	if rate < 1 {
		return []string{middle, short}
	}
	left := time.Duration(float64(a.Total-a.Bytes) / rate * float64(time.Second))
	return []string{middle + ", " + remaining(left) + " left", middle, short}
}

// running returns the layers that are being downloaded or unpacked.
func (a *arrivals) running() []plan.LayerProgress {
	var running []plan.LayerProgress
	for _, l := range a.Layers {
		if l.Running() {
			running = append(running, l)
		}
	}
	return running
}

// layerText describes a layer.
func layerText(l plan.LayerProgress) string {
	digest := visible(l.Digest)
	text := fmt.Sprintf("  layer %s: %s… ", digest[:min(len(digest), digestShown)], l.State)
	if l.State == plan.LayerDownloading {
		text += size(l.Bytes) + " of "
	}
	return text + size(l.Total)
}

func size(bytes int64) string { return units.HumanSize(float64(bytes)) }

// fitting returns the first of the texts that leaves room in the width, or the last one.
func fitting(texts []string, width, room int) string {
	for _, text := range texts {
		if len([]rune(text))+room <= width {
			return text
		}
	}
	return texts[len(texts)-1]
}

// pullLine is a line about a running pull where no lines are drawn.
func pullLine(s plan.Step, a *arrivals, now time.Time) string {
	return strings.Join([]string{stepName(s), a.texts(now)[0]}, ": ")
}
