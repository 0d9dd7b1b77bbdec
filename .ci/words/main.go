// Words reports words that the English of this project does without, with file and line: in the comments and the string
// literals of all Go files but tests, or of the directories named as arguments. `make lint` runs it.
//
// The noun says more than the word: resource, attribute, value, file, container, task; and so does the verb of
// Terraform or Docker: create, replace, destroy, remove, repair, refer to.
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// words matches across the lines of a comment. "Such as" begins a list of examples, and is fine.
var words = regexp.MustCompile(`(?i)\b(what|anew|that\s+which|stands?\s+for|lies?\s+in|(?:take[ns]?|taking|took)\s+(?:[^\s.:;]+\s+){0,6}away|mend(?:s|ed|ing)?|by\s+now|such(?:\s+as)?)\b`)

func main() {
	findings, err := check(os.DirFS("."))
	if err != nil {
		fmt.Fprintln(os.Stderr, "words:", err)
		os.Exit(1)
	}
	dirs := os.Args[1:]
	if len(dirs) == 0 {
		dirs = slices.Sorted(maps.Keys(findings))
	}
	failed := false
	for _, dir := range dirs {
		for _, finding := range findings[dir] {
			failed = true
			fmt.Println(finding)
		}
	}
	if failed {
		os.Exit(1)
	}
}

// check returns the findings by directory.
func check(root fs.FS) (map[string][]string, error) {
	findings := map[string][]string{}
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != "." || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		source, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		found, err := checkFile(path, source)
		dir := filepath.Dir(path)
		findings[dir] = append(findings[dir], found...)
		return err
	})
	return findings, err
}

func checkFile(path string, source []byte) ([]string, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, source, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var found []string
	report := func(pos token.Pos, text string) {
		text = strings.ReplaceAll(text, "no such file or directory", "") // the kernel's words
		line := files.Position(pos).Line
		for _, at := range words.FindAllStringIndex(text, -1) {
			word := strings.Join(strings.Fields(strings.ReplaceAll(text[at[0]:at[1]], "//", "")), " ")
			if !strings.EqualFold(word, "such as") {
				found = append(found, fmt.Sprintf("%s:%d: %q: name the noun", path, line+strings.Count(text[:at[0]], "\n"), word))
			}
		}
	}
	for _, group := range file.Comments {
		var text strings.Builder
		for _, comment := range group.List {
			text.WriteString(strings.TrimPrefix(comment.Text, "//") + "\n")
		}
		report(group.Pos(), text.String())
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			text, err := strconv.Unquote(literal.Value)
			if err == nil && literal.Value[0] == '"' {
				text = strings.ReplaceAll(text, "\n", " ") // its lines are no lines of the source
			}
			report(literal.Pos(), text)
		}
		return true
	})
	return found, nil
}
