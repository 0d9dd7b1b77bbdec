package functions

import (
	"encoding/base64"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/sandbox"
)

// ofFile makes a function of the content of a file. Its errors are about the path.
func ofFile(read func(path string) (string, error)) function.Function {
	return ofTexts(func(args []string) (string, error) {
		text, err := read(args[0])
		if err != nil {
			return "", function.NewArgError(0, err)
		}
		return text, nil
	}, "path")
}

// fileFunctions returns the functions that read files or work on their paths.
func fileFunctions(f sandbox.Files) map[string]function.Function {
	table := map[string]function.Function{
		"abspath":    ofTexts(func(args []string) (string, error) { return f.Abs(args[0]) }, "path"),
		"basename":   ofTexts(func(args []string) (string, error) { return filepath.Base(args[0]), nil }, "path"),
		"dirname":    ofTexts(func(args []string) (string, error) { return filepath.Dir(args[0]), nil }, "path"),
		"pathexpand": ofTexts(func(args []string) (string, error) { return f.ExpandHome(args[0]) }, "path"),
		"file":       ofFile(func(path string) (string, error) { return readText(f, path) }),
		"filebase64": ofFile(func(path string) (string, error) {
			data, err := f.Read(path)
			return base64.StdEncoding.EncodeToString(data), err
		}),
		"fileexists": function.New(&function.Spec{
			Params:       []function.Parameter{{Name: "path", Type: cty.String}},
			Type:         function.StaticReturnType(cty.Bool),
			RefineResult: notNull,
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				exists, err := f.Exists(args[0].AsString())
				if err != nil {
					err = function.NewArgError(0, err)
				}
				return cty.BoolVal(exists), err
			},
		}),
		"fileset": function.New(&function.Spec{
			Params:       []function.Parameter{{Name: "path", Type: cty.String}, {Name: "pattern", Type: cty.String}},
			Type:         function.StaticReturnType(cty.Set(cty.String)),
			RefineResult: notNull,
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				return fileset(f, args[0].AsString(), args[1].AsString())
			},
		}),
	}
	for name, sum := range digests {
		if rest, ok := strings.CutPrefix(name, "base64"); ok {
			name = "filebase64" + rest
		} else {
			name = "file" + name
		}
		table[name] = ofFile(func(path string) (string, error) {
			data, err := f.Read(path)
			if err != nil {
				return "", err
			}
			return sum(data), nil
		})
	}
	for name, f := range table {
		table[name] = bounded(f, nil)
	}
	return table
}

func readText(f sandbox.Files, path string) (string, error) {
	data, err := f.Read(path)
	if err != nil {
		return "", err
	}
	if !utf8.Valid(data) {
		return "", fmt.Errorf("%s is not UTF-8, so it can't be a text. Use filebase64 for it", message.Shorten(path))
	}
	return string(data), nil
}
