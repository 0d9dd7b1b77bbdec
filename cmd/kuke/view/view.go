package view

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"unicode"

	"golang.org/x/term"
	"sigs.k8s.io/yaml"

	"github.com/kukeon/kuke/config/resource"
)

// View prints to one stream. It may be used by several goroutines at once.
type View struct {
	mu  sync.Mutex
	out sink
	// terminal says that the stream is a terminal.
	terminal bool
	// compact says that warnings without errors are shown without their details.
	compact bool
	// colored says that text is marked up.
	colored bool
	ink     *palette
}

// New returns a view of f, in colour when asked for and f is a terminal.
func New(f *os.File, colored bool) *View {
	terminal := term.IsTerminal(int(f.Fd()))
	v := newView(f, colored && terminal)
	v.terminal, v.out.terminal, v.ink.terminal = terminal, terminal, terminal
	if width, _, err := term.GetSize(int(f.Fd())); terminal && err == nil && width > 0 {
		v.ink.width = width
	}
	return v
}

// CompactWarnings has warnings shown without their details, unless there are errors.
func (v *View) CompactWarnings() { v.compact = true }

// Unfold has plans show each change by itself, and values in full.
func (v *View) Unfold() { v.ink.unfolded = true }

func newView(out io.Writer, colored bool) *View {
	return &View{out: sink{Writer: out}, colored: colored, ink: newPalette(colored)}
}

// sink keeps the first error of a writer. A reader that has gone, such as head or a closed terminal, is no error.
type sink struct {
	io.Writer
	terminal bool
	// spaced says that the last line is empty and that no other empty line is to follow it.
	spaced bool
	err    error
}

func (s *sink) Write(p []byte) (int, error) {
	skipped := 0
	if s.spaced && len(p) > 0 {
		s.spaced = false
		skipped = len(p) - len(bytes.TrimPrefix(p, []byte("\n")))
	}
	n, err := s.Writer.Write(p[skipped:])
	n += skipped
	if gone := errors.Is(err, syscall.EPIPE) || s.terminal && errors.Is(err, syscall.EIO); err != nil && s.err == nil && !gone {
		s.err = err
	}
	return n, err
}

// Err returns the first error of printing. A reader that has gone is none.
func (v *View) Err() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.out.err
}

// printf writes in one piece. [View.Err] returns its error.
func (v *View) printf(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, _ = fmt.Fprintf(&v.out, format, args...)
}

// Note prints a line for the user's attention.
func (v *View) Note(text string) { v.printf("\n%s\n", v.ink.yellow("%s", text)) }

// Event prints one line about a resource, or about none of them.
func (v *View) Event(p resource.Path, text string) {
	if p != "" {
		text = string(p) + ": " + text
	}
	v.printf("%s\n", visible(strings.ReplaceAll(text, "\n", " ")))
}

// JSON prints value, indented.
func (v *View) JSON(value any) error {
	data, err := EncodeJSON(value)
	if err == nil {
		v.printf("%s", data)
	}
	return err
}

// EncodeJSON returns the text that [View.JSON] prints, for a file.
func EncodeJSON(value any) ([]byte, error) {
	if list := reflect.ValueOf(value); list.Kind() == reflect.Slice && list.IsNil() && list.Type().Elem().Kind() != reflect.Uint8 {
		value = []any{} // no list is null
	}
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("print JSON: %w", err)
	}
	return []byte(escaped(string(data)) + "\n"), nil
}

// YAML prints value, with the names that it has in JSON.
func (v *View) YAML(value any) error {
	data, err := yaml.Marshal(value)
	if err != nil {
		return fmt.Errorf("print YAML: %w", err)
	}
	text := string(data)
	if v.terminal {
		text = visible(text)
	}
	v.printf("%s", text)
	return nil
}

// Manifest prints the YAML of a manifest, which has all that is not printable between double quotes.
func (v *View) Manifest(text string) { v.printf("%s", escaped(text)) }

// Clear empties a terminal's screen.
func (v *View) Clear() { v.printf("\x1b[H\x1b[2J") }

// Text prints s as it is.
func (v *View) Text(s string) { v.printf("%s", s) }

// hazardous reports whether a terminal does more with the character than show it. The control characters above ASCII
// are among them, and those that turn the direction of writing and so can disguise a text.
func hazardous(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r)
}

// escaped writes hazardous characters as JSON, and YAML between double quotes, spells them, which keeps the meaning.
func escaped(s string) string {
	var b strings.Builder
	for _, r := range s {
		if hazardous(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// colorSequence is the only control sequence of a program that reaches the terminal of those who read its log.
var colorSequence = regexp.MustCompile("\x1b\\[[0-9;]*m")

// visibleLine is [visible] for a line that a program printed for a terminal, with its colours.
func visibleLine(s string) string {
	var b strings.Builder
	for {
		at := colorSequence.FindStringIndex(s)
		if at == nil {
			b.WriteString(visible(s))
			return b.String()
		}
		b.WriteString(visible(s[:at[0]]))
		b.WriteString(s[at[0]:at[1]])
		s = s[at[1]:]
	}
}

// invisible reports whether no reader sees the character, or sees it as another one: two values that differ in it alone look equal.
func invisible(r rune) bool { return unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) }

// visible makes hazardous characters in text from elsewhere harmless for a terminal, and shows that there is one, or an invisible one.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if hazardous(r) || invisible(r) {
			return '�'
		}
		return r
	}, s)
}
