package manifest

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

func mapping(content ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: content}
}

func scalar(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}

// text returns a string in the most readable style that every reader of YAML reads as this string.
func text(s string) *yaml.Node {
	node := scalar("!!str", s)
	switch {
	case strings.Contains(s, "\n") && literal(s):
		node.Style = yaml.LiteralStyle
	case !printable(s), strings.Contains(s, "\n"), oldYAML(s):
		node.Style = yaml.DoubleQuotedStyle
	}
	// Else the library decides whether it needs quotes.
	return node
}

// printable reports whether s has no character that an editor or a YAML library might lose, line feeds aside.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) })
}

// literal reports whether s survives as a block of lines: editors remove space at the ends of lines.
func literal(s string) bool {
	if !printable(strings.ReplaceAll(s, "\t", "")) || strings.TrimLeftFunc(s, unicode.IsSpace) != s {
		return false
	}
	return !slices.ContainsFunc(strings.Split(s, "\n"), func(line string) bool {
		return strings.TrimRightFunc(line, unicode.IsSpace) != line
	})
}

// sexagesimal matches texts that YAML 1.1 reads as numbers in base 60, such as a pair of ports.
var sexagesimal = regexp.MustCompile(`^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?$`)

// oldYAML reports whether YAML 1.1, unlike YAML 1.2, reads s as another type than a string.
func oldYAML(s string) bool {
	switch strings.ToLower(s) {
	case "y", "yes", "on", "n", "no", "off", "=":
		return true
	}
	return sexagesimal.MatchString(s)
}
