package source

import (
	"bytes"
	"path/filepath"
	"regexp"
)

// Language is one of the two spellings of a configuration.
type Language string

// The languages.
const (
	HCL  Language = "hcl"
	YAML Language = "yaml"
)

// LanguageOf returns the language of a file, by its name, else by its content.
func LanguageOf(name string, data []byte) Language {
	if IsYAML(name, data) {
		return YAML
	}
	return HCL
}

// firstLine matches the beginning of a YAML or JSON mapping, which no HCL file begins with.
var firstLine = regexp.MustCompile(`^(\{|["']?[A-Za-z0-9_-]+["']?\s*:(\s|$))`)

// IsYAML reports whether a file is YAML, by its name, else by its content.
func IsYAML(name string, data []byte) bool {
	switch filepath.Ext(name) {
	case ".yaml", ".yml", ".json":
		return true
	case ".hcl":
		return false
	}
	return LooksLikeYAML(data)
}

// LooksLikeYAML judges by the first line that is neither empty nor a comment.
func LooksLikeYAML(data []byte) bool {
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		return line[0] == '%' || bytes.HasPrefix(line, []byte("---")) || firstLine.Match(line)
	}
	return false
}
