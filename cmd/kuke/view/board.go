package view

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/kukeon/kuke/planner/plan"
)

const (
	// mostShown is the maximum number of lines for running steps; others are only counted.
	mostShown = 30
	// mostLayers is the maximum number of lines for running layers of one image. linesOfStep is the number of places that are kept
	// for a step and its layers in the order of the lines.
	mostLayers, linesOfStep = 3, mostLayers + 1
	// nameRoom is the width that a step's name should have.
	nameRoom = 24
	// barWidth and leastBar are the widths of the bar of all steps: the widest, and the narrowest that is drawn.
	barWidth, leastBar = 32, 8
)

// board draws the running steps of an apply on a terminal, and a line about all steps below them. Lines that its views print
// appear above.
type board struct {
	bars *mpb.Progress
	all  *mpb.Bar
	// restore returns the views to their own writers.
	restore []func()

	// order is held while lines come and go.
	order   sync.Mutex
	lines   map[int]*boardLine // of running steps
	waiting []*boardLine       // those without room, the oldest first
	// shown and layers count lines; begun counts the steps that ever had one.
	shown, layers, begun int
	console              *console

	// mu is held for the values that are drawn. Nothing that waits for a drawing may be called with it.
	mu       sync.Mutex
	forecast *forecast
}

// boardLine is the line of a running step.
type boardLine struct {
	step  plan.Step
	begin time.Time
	pull  arrivals
	bar   *mpb.Bar
	// place is that of bar in the order of the lines; those of layers follow.
	place  int
	layers []*mpb.Bar
	over   bool
}

// newBoard draws on a terminal. The lines that the views print on a terminal from now on appear above.
func newBoard(f *forecast, terminal *os.File, views ...*View) *board {
	b := &board{lines: map[int]*boardLine{}, forecast: f, console: &console{terminal: terminal}}
	b.bars = mpb.New(mpb.WithConsoleWriter(b.console), mpb.WithQueueLen(linesOfStep*mostShown+1))
	b.all = b.add(mpb.BarFillerFunc(b.fill), mpb.BarPriority(math.MaxInt), mpb.AppendDecorators(b.decorator(b.summary)))
	for _, v := range views {
		if v.terminal {
			b.restore = append(b.restore, v.redirect(b.bars))
		}
	}
	return b
}

// add returns a new line of the board below earlier ones of the same priority, nil where the terminal is gone.
func (b *board) add(filler mpb.BarFiller, options ...mpb.BarOption) *mpb.Bar {
	bar, err := b.bars.Add(0, filler, append(options, mpb.BarFillerTrim())...)
	if err != nil {
		return nil
	}
	return bar
}

// decorator draws a text that fits into a width.
func (b *board) decorator(text func(now time.Time, width int) string) decor.Decorator {
	return decor.Any(func(s decor.Statistics) string {
		b.mu.Lock()
		defer b.mu.Unlock()
		return text(time.Now(), s.AvailableWidth)
	})
}

// observe draws an event. print prints the line of a step that has ended.
func (b *board) observe(e plan.Event, print func()) {
	b.order.Lock()
	defer b.order.Unlock()
	switch {
	case e.Done:
		print()
		b.mu.Lock()
		b.forecast.end(e.Index, e.Err != nil)
		b.mu.Unlock()
		b.remove(e.Index)
	case e.Total > 0:
		l := b.lines[e.Index]
		b.mu.Lock()
		l.pull.add(e.Progress, time.Now())
		b.forecast.arrived(e.Index, e.Bytes, e.Total, e.Elapsed)
		running := len(l.pull.running())
		b.mu.Unlock()
		b.showLayers(l, running)
	default:
		l := &boardLine{step: e.Step, begin: time.Now()}
		b.lines[e.Index] = l
		b.mu.Lock()
		b.forecast.begin(e.Index, l.begin)
		b.mu.Unlock()
		b.waiting = append(b.waiting, l)
		b.show()
	}
}

// show draws lines that wait for room as long as there is any. The caller holds b.order.
func (b *board) show() {
	for b.shown < mostShown && len(b.waiting) > 0 {
		l := b.waiting[0]
		b.waiting = b.waiting[1:]
		if l.over {
			continue
		}
		l.place = b.begun * linesOfStep
		if l.bar = b.add(nil, mpb.BarPriority(l.place), mpb.PrependDecorators(b.decorator(l.text))); l.bar == nil {
			return
		}
		b.shown++
		b.begun++
	}
}

// showLayers draws lines for the running layers of an image, as long as there is room. The caller holds b.order.
func (b *board) showLayers(l *boardLine, running int) {
	for len(l.layers) > min(running, mostLayers) {
		last := len(l.layers) - 1
		l.layers[last].Abort(true)
		l.layers = l.layers[:last]
		b.layers--
	}
	_, height, err := b.console.GetTermSize()
	for err == nil && l.bar != nil && len(l.layers) < min(running, mostLayers) && b.shown+b.layers+1 < height {
		n := len(l.layers)
		text := b.decorator(func(_ time.Time, width int) string { return l.layerText(n, width) })
		bar := b.add(nil, mpb.BarPriority(l.place+n+1), mpb.PrependDecorators(text))
		if bar == nil {
			return
		}
		l.layers = append(l.layers, bar)
		b.layers++
	}
}

// layerText describes the running layer of that number. The caller holds the mu of the board.
func (l *boardLine) layerText(n, width int) string {
	running := l.pull.running()
	if n >= len(running) {
		return ""
	}
	text := []rune(layerText(running[n]))
	return string(text[:min(len(text), width)])
}

// remove removes the line of a step that has ended. The caller holds b.order.
func (b *board) remove(index int) {
	l := b.lines[index]
	delete(b.lines, index)
	l.over = true
	b.showLayers(l, 0)
	if l.bar != nil {
		l.bar.Abort(true)
		b.shown--
	}
	b.show()
}

// end removes the lines. From then on the views print as before.
func (b *board) end() {
	b.order.Lock()
	defer b.order.Unlock()
	for index := range b.lines {
		b.remove(index)
	}
	if b.all != nil {
		b.all.Abort(true)
	}
	b.bars.Wait()
	for _, restore := range b.restore {
		restore()
	}
}

// fill draws the bar of all steps.
func (b *board) fill(w io.Writer, s decor.Statistics) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	width := min(s.AvailableWidth-1, barWidth)
	if width < leastBar {
		return nil
	}
	filled := width * b.forecast.done / max(len(b.forecast.steps), 1)
	_, err := io.WriteString(w, strings.Repeat("█", filled)+strings.Repeat("░", width-filled)+" ")
	return err
}

// summary describes all steps. The caller holds b.mu.
func (b *board) summary(now time.Time, width int) string {
	f := b.forecast
	done := fmt.Sprintf("%d of %s done", f.done, plural(len(f.steps), "step"))
	running, failed, left := "", "", ""
	if n := len(f.begun); n > 0 {
		running = fmt.Sprintf(", %d running", n)
	}
	if f.failed > 0 {
		failed = fmt.Sprintf(", %d failed", f.failed)
	}
	if d, ok := f.left(now); ok {
		left = ", about " + remaining(d) + " left"
	}
	short := fmt.Sprintf("%d/%d", f.done, len(f.steps))
	for _, text := range []string{done + running + failed + left, done + failed + left, short + failed + left, short + failed} {
		if len(text) <= width {
			return text
		}
	}
	return short
}

// remaining spells an estimate, which is rough where it is long.
func remaining(d time.Duration) string {
	const long = 10 * time.Second
	if d < time.Second {
		return "1s"
	}
	if d > long {
		return d.Round(long / 2).String()
	}
	return d.Round(time.Second).String()
}

// text describes a running step. The caller holds the mu of the board.
func (l *boardLine) text(now time.Time, width int) string {
	doing := ": " + begun[l.step.Op] + "…"
	switch {
	case l.pull.Total > 0:
		doing = ": " + fitting(l.pull.texts(now), width, nameRoom) + ","
	case l.step.Image != nil && l.step.Image.Pull:
		doing = ": pulling…"
	}
	doing += " " + now.Sub(l.begin).Truncate(time.Second).String()
	return lastPart(stepName(l.step), width-len([]rune(doing))) + doing
}

// lastPart cuts the beginning of a text that has more than the given number of characters.
func lastPart(text string, most int) string {
	all := []rune(text)
	if len(all) <= most {
		return text
	}
	return "…" + string(all[len(all)-max(most-1, 0):])
}
