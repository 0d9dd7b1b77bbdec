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

// LanguageOf tells what a file is written in, by its name, else by its content.
func LanguageOf(name string, data []byte) Language {
	if IsYAML(name, data) {
		return YAML
	}
	return HCL
}

// firstLine matches what an HCL file can't begin with, but a YAML or JSON mapping does.
var firstLine = regexp.MustCompile(`^(\{|["']?[A-Za-z0-9_-]+["']?\s*:(\s|$))`)

// IsYAML tells the format by the name, else by the content.
func IsYAML(name string, data []byte) bool {
	switch filepath.Ext(name) {
	case ".yaml", ".yml", ".json":
		return true
	case ".hcl":
		return false
	}
	return LooksLikeYAML(data)
}

// LooksLikeYAML judges by the first line that says something.
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
