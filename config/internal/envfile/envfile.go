// Package envfile reads files of environment variables as Docker Compose does: NAME=value, comments, export, quotes, values of
// several lines, and ${NAME} for variables above.
//
// Values are usually passwords. No error holds a part of one: errors name lines.
package envfile

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/template"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/validate"
)

// Parse returns the variables of a file. Its values may refer to those of earlier files.
func Parse(data []byte, earlier map[string]string) (map[string]string, error) {
	text := string(bytes.TrimPrefix(data, []byte("\uFEFF"))) + "\n" // a name alone needs the end of its line
	f := file{text: text, earlier: earlier}
	if strings.ContainsRune(text, 0) {
		return nil, fmt.Errorf("line %d holds a NUL character, which no variable can hold; remove it", f.line(strings.IndexByte(text, 0)))
	}
	variables, err := dotenv.UnmarshalWithLookup(text, f.lookUp)
	switch {
	case err != nil:
		return nil, f.explain(err)
	case f.unset != nil:
		return nil, f.unset
	}
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		if err := validate.Variable(name); err != nil {
			return nil, err
		}
		if _, err := validate.Argument(name + "=" + variables[name]); err != nil {
			return nil, fmt.Errorf("the variable %s: %w", message.Shorten(name), err)
		}
	}
	return variables, nil
}

// file is a file that is being read.
type file struct {
	text    string
	earlier map[string]string
	// read is the end of the last reference that was looked up.
	read int
	// unset is the error for the first variable that the file refers to, and that nothing sets.
	unset error
}

// lookUp returns the value of a variable that the file refers to, if the file itself doesn't set it before. A name may be a part of a
// password.
func (f *file) lookUp(name string) (value string, set bool) {
	word := regexp.QuoteMeta(name)
	at := -1
	if found := regexp.MustCompile(`\$\{?` + word + `\b`).FindStringIndex(f.text[f.read:]); found != nil {
		at, f.read = f.read+found[0], f.read+found[1]
	}
	alone := f.find(`(?m)^[ \t]*(export[ \t]+)?` + word + `[ \t]*$`)
	sets := f.find(`(?m)^[ \t]*(export[ \t]+)?` + word + `[ \t]*[=:]`)
	switch value, set = f.earlier[name]; {
	case sets >= 0 && (at < 0 || sets < at):
		return "", false // the parser has the value
	case set:
		return value, true
	case f.find(`\$\{`+word+`:?[-+?]`) >= 0:
		return "", false // the value has a default
	case f.unset == nil && at < 0 && alone >= 0:
		f.unset = fmt.Errorf("line %d is a name without a value, and no file before sets that variable; write NAME=value", f.line(alone))
	case f.unset == nil:
		f.unset = fmt.Errorf("the value at line %d refers to a variable with $, and nothing above sets that variable; write a value that holds a $ in single quotes", f.line(max(at, 0)))
	}
	return "", true
}

// find returns the place of the first match, or -1.
func (f *file) find(pattern string) int {
	if at := regexp.MustCompile(pattern).FindStringIndex(f.text); at != nil {
		return at[0]
	}
	return -1
}

// line returns the number of the line with the byte at the index.
func (f *file) line(index int) int { return 1 + strings.Count(f.text[:index], "\n") }

// unterminated stands before the value in the parser's error for an open quote.
const unterminated = "unterminated quoted value "

var numbered = regexp.MustCompile(`^line \d+`)

// explain returns an error without the text of the file, which those of the parser cite.
func (f *file) explain(err error) error {
	where := numbered.FindString(err.Error())
	invalid, required := (*template.InvalidTemplateError)(nil), (*template.MissingRequiredError)(nil)
	switch {
	case errors.As(err, &invalid):
		return fmt.Errorf("the value at line %d has a $ that begins no variable; write it in single quotes", f.line(max(strings.Index(f.text, invalid.Template), 0)))
	case errors.As(err, &required):
		return fmt.Errorf("the value at line %d requires a variable that nothing above sets", f.line(max(f.find(`\$\{`+regexp.QuoteMeta(required.Variable)+`:?\?`), 0)))
	case strings.Contains(err.Error(), unterminated):
		_, value, _ := strings.Cut(err.Error(), unterminated)
		return fmt.Errorf("the quote at line %d is never closed", f.line(max(strings.LastIndex(f.text, value), 0)))
	case where == "":
		return errors.New("it is no list of variables; write NAME=value on each line")
	}
	return fmt.Errorf("%s is not of the form NAME=value; comments begin with #", where)
}
