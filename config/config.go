package config

import (
	"io"

	"github.com/zclconf/go-cty/cty"

	"github.com/kukeon/kuke/config/internal/lang"
	"github.com/kukeon/kuke/config/internal/lang/console"
	"github.com/kukeon/kuke/config/internal/lang/eval"
	"github.com/kukeon/kuke/config/internal/lang/refactoring"
	"github.com/kukeon/kuke/config/internal/lang/variable"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/internal/write"
	"github.com/kukeon/kuke/config/resource"
)

// Input is the input of [Load].
type Input = lang.Input

// Assignment sets one variable, or those of a file.
type Assignment = variable.Assignment

// Configuration is a configuration that [Load] read and evaluated.
type Configuration = lang.Configuration

// Output is an output value of a configuration.
type Output = eval.Output

// Move says that the resource at From is the one at To now.
type Move = refactoring.Move

// Removal says that the resource at From, and those below it, are no longer part of the configuration.
type Removal = refactoring.Removal

// Import says that a container that kuke did not make is the one at To.
type Import = refactoring.Import

// Text returns the input of a configuration that is nothing but text.
func Text(text []byte) Input { return lang.Text(text) }

// Project is the project that a configuration belongs to.
type Project = lang.Project

// DefaultProject is the project of a directory whose name holds no letter and no digit, such as the root directory.
const DefaultProject = lang.DefaultProject

// ProjectOf returns the project of the configuration at the paths of the input, without evaluating it: variables need no
// values, and resources may be wrong. Without paths the configuration is that of the current directory, which need hold none.
// sources are the files read, by name.
func ProjectOf(in Input) (p Project, sources map[string][]byte, diags resource.Diagnostics) {
	return lang.ProjectOf(in)
}

// Language is one of the two spellings of a configuration.
type Language = source.Language

// The languages.
const (
	HCL  = source.HCL
	YAML = source.YAML
)

// LanguageOf returns the language of a file, by its name, else by its content.
func LanguageOf(name string, data []byte) Language { return source.LanguageOf(name, data) }

// ReadInput reads all of r, up to the size that Load accepts, so that [Input.Stdin] can return it several times.
func ReadInput(r io.Reader) ([]byte, error) { return source.ReadInput(r) }

// EncodeHCL returns the tree as HCL that [Load] reads back as the very same tree.
func EncodeHCL(tree *resource.Tree) []byte { return write.EncodeHCL(tree) }

// Formatted is a source file and its canonical form.
type Formatted = write.Formatted

// Format returns the canonical form, that of terraform fmt, of the HCL files at the paths: files, directories, of which it
// takes *.hcl and *.kukevars but nothing hidden, and, where recursive, the directories below them, or "-" for stdin. It writes
// nothing. A file that can't be read or parsed is left out and reported; sources holds the lines that diagnostics are about.
func Format(paths []string, recursive bool, stdin io.Reader) (files []*Formatted, sources map[string][]byte, diags resource.Diagnostics) {
	return write.Format(paths, recursive, stdin)
}

// Explanation is the documentation of a kind, or of an attribute of one.
type Explanation = write.Explanation

// Explain returns the documentation of KIND or KIND.FIELD[.FIELD…], in the spelling of YAML or of HCL. The error says which
// name is wrong, and which one may have been meant.
func Explain(path string) (*Explanation, error) { return write.Explain(path) }

// Completions returns the paths that begin with begun and that [Explain] takes, each with its documentation.
func Completions(begun string) [][2]string { return write.Completions(begun) }

// Schema is a JSON Schema of draft 2020-12, as far as manifests need it.
type Schema = write.Schema

// JSONSchema returns the schema of a manifest of kind k, or for no kind that of a manifest of any kind. It takes every
// manifest that [Load] takes; Load refuses some more, which no schema can tell.
func JSONSchema(k resource.Kind) *Schema { return write.JSONSchema(k) }

// Spell returns a value as Terraform's console shows it, with its type where brackets alone don't tell that.
func Spell(val cty.Value) string { return console.Spell(val) }

// MaxExpression is the largest expression that [Configuration.Evaluate] takes, in bytes.
const MaxExpression = console.MaxExpression

// Unfinished reads one more line of an expression and returns the brackets, heredocs and comments that are open at its end,
// as text that opens the very same. open is the result for the line before, and empty for the first line. The result is empty
// when the expression ends with the line.
func Unfinished(open, line string) string { return console.Unfinished(open, line) }
