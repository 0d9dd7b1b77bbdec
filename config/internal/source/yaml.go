package source

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/resource"
)

// yamlReader turns the nodes of one YAML file into values.
type yamlReader struct {
	lines *lines
	diags *resource.Diagnostics
	// expanded counts the nodes reached by way of aliases.
	expanded int
}

// errReported stops the reading of a document that is refused as a whole.
var errReported = errors.New("reported")

// Documents calls each with the content of every document of a YAML file that isn't empty.
func Documents(name string, data []byte, diags *resource.Diagnostics, each func(*Value)) {
	r := &yamlReader{lines: newLines(name, data), diags: diags}
	r.documents(each)
}

func (r *yamlReader) documents(each func(*Value)) {
	decoder := yaml.NewDecoder(bytes.NewReader(r.lines.data))
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			r.syntax(err)
			return
		}
		if len(document.Content) == 0 {
			continue
		}
		v, err := r.value(document.Content[0], 0, 0)
		if err != nil {
			return
		}
		if v.Shape != Null {
			each(v)
		}
	}
}

// errorLine matches the place in an error of the YAML library.
var errorLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// The library names the line before a tab, and no line at all for an alias.
var (
	indentedByTab = regexp.MustCompile(`^ *\t`)
	unknownAnchor = regexp.MustCompile(`unknown anchor '([^']*)'`)
)

// lineOf returns the number of the first line from the given one on that matches, or the given one.
func (r *yamlReader) lineOf(from int, pattern *regexp.Regexp) int {
	for i, line := range strings.Split(string(r.lines.data), "\n") {
		if i+1 >= from && pattern.MatchString(line) {
			return i + 1
		}
	}
	return from
}

func (r *yamlReader) syntax(err error) {
	text := err.Error()
	line := 1
	if m := errorLine.FindStringSubmatch(text); m != nil {
		text = text[len(m[0]):]
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
		}
	}
	hint := "Check the indentation, the quotes and the brackets up to here."
	tab := strings.Contains(text, "found a tab character")
	if m := unknownAnchor.FindStringSubmatch(text); m != nil {
		line = r.lineOf(1, regexp.MustCompile(`\*`+regexp.QuoteMeta(m[1])+`\b`))
	} else if tab {
		line = r.lineOf(line, indentedByTab)
	}
	switch {
	case tab:
		hint = "YAML is indented with spaces, not with tabs."
	case strings.Contains(text, "cannot start any token") && strings.Contains(string(r.lines.data), "\t"):
		hint = "YAML is indented with spaces, not with tabs."
	case strings.Contains(text, "unknown anchor"):
		hint = "An alias *name needs an anchor &name before it in the same document."
	case strings.Contains(text, "mapping values are not allowed"):
		hint = "Put a text that contains \": \" in quotes, and check the indentation."
	}
	r.diags.Errorf(r.lines.rest(line), "", "Invalid YAML", "%s. %s", message.Sentence(strings.TrimSpace(text)), hint)
}

// value turns n into a value. depth counts the levels above it, aliases the aliases that led to it.
func (r *yamlReader) value(n *yaml.Node, depth, aliases int) (*Value, error) {
	if aliases > 0 {
		r.expanded++
	}
	rng := r.nodeRange(n)
	switch {
	case depth > maxYAMLDepth:
		r.diags.Errorf(rng, "", "Nested too deeply", "The document nests more than %d levels here, aliases followed. Write it flatter.", maxYAMLDepth)
		return nil, errReported
	case r.expanded > maxExpansion:
		r.diags.Errorf(rng, "", "Too many aliases", "The aliases of this file make more than %d values. Write it with fewer.", maxExpansion)
		return nil, errReported
	}
	switch n.Kind {
	case yaml.AliasNode:
		return r.value(n.Alias, depth+1, aliases+1)
	case yaml.MappingNode:
		return r.mapping(n, rng, depth, aliases)
	case yaml.SequenceNode:
		v := &Value{Shape: List, Range: rng}
		for _, item := range n.Content {
			val, err := r.value(item, depth+1, aliases)
			if err != nil {
				return nil, err
			}
			v.Items = append(v.Items, val)
		}
		v.Range.End = lastEnd(v)
		return v, nil
	}
	return r.scalar(n, rng), nil
}

func (r *yamlReader) scalar(n *yaml.Node, rng resource.Range) *Value {
	v := &Value{Text: n.Value, Range: rng}
	switch n.ShortTag() {
	case "!!null":
		v.Shape = Null
	case "!!bool":
		v.Shape = Bool
	case "!!int", "!!float":
		v.Shape = Number
	case "!!str", "!!timestamp", "!!merge":
		v.Shape = String
	default:
		r.diags.Errorf(rng, "", "Unsupported tag", "The tag %s has no meaning here. Remove it.", message.Shorten(n.Tag))
		v.Shape = String
	}
	return v
}

func (r *yamlReader) mapping(n *yaml.Node, rng resource.Range, depth, aliases int) (*Value, error) {
	v := &Value{Shape: Object, Range: rng}
	seen := map[string]resource.Range{}
	var merges []*Value
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, at := n.Content[i], r.nodeRange(n.Content[i])
		for hops := 0; key.Kind == yaml.AliasNode && hops < maxYAMLDepth; hops++ {
			key = key.Alias
		}
		val, err := r.value(n.Content[i+1], depth+1, aliases)
		if err != nil {
			return nil, err
		}
		switch {
		case key.Kind != yaml.ScalarNode:
			r.diags.Errorf(at, "", "Wrong type", "The name of a field must be a string, but this is a list or an object.")
		case key.Tag == "!!merge":
			merges = append(merges, val)
		case seen[key.Value].File != "":
			r.diags.Errorf(at, "", "Duplicate field", "%s is already set at %s. Keep one of them.", message.Shorten(key.Value), seen[key.Value])
		default:
			seen[key.Value] = at
			v.Fields = append(v.Fields, Field{key.Value, at, val})
		}
	}
	for _, m := range merges {
		r.merge(v, m, seen)
	}
	if n.Style&yaml.FlowStyle == 0 {
		v.Range.End = lastEnd(v)
	}
	return v, nil
}

// merge adds the fields of a merge key's value, an object or a list of them, that v doesn't have yet.
func (r *yamlReader) merge(v, from *Value, seen map[string]resource.Range) {
	switch from.Shape {
	case List:
		for _, item := range from.Items {
			if item.Shape == List {
				r.merge(v, &Value{Shape: String, Range: item.Range}, seen)
				continue
			}
			r.merge(v, item, seen)
		}
	case Object:
		for _, f := range from.Fields {
			if seen[f.Name].File == "" {
				seen[f.Name] = f.At
				v.Fields = append(v.Fields, f)
			}
		}
	default:
		r.diags.Errorf(from.Range, "", "Wrong type", "The merge key << takes an object or a list of objects, mostly as an alias: <<: *name.")
	}
}

// nodeRange returns the place of n. The library knows where a node begins; where it ends is looked up in the source, and
// for lists and objects that of their last member, once it is known.
func (r *yamlReader) nodeRange(n *yaml.Node) resource.Range {
	start := r.lines.offset(n.Line, n.Column)
	rest := r.lines.data[start:r.lines.end(r.lines.pos(start).Line)]
	length := min(1, len(rest))
	switch {
	case n.Kind == yaml.AliasNode:
		length = 1 + len(n.Value)
	case n.Kind != yaml.ScalarNode:
	case n.Value != "" && bytes.HasPrefix(rest, []byte(n.Value)):
		length = len(n.Value)
	case len(rest) > 0 && (rest[0] == '"' || rest[0] == '\''):
		length = quotedLength(rest)
	case n.Value != "":
		length = len(bytes.TrimRight(rest, " \t"))
	}
	return r.lines.at(start, start+min(length, len(rest)))
}

// quotedLength returns the length of the quoted text that line begins with, or of the line if it ends later.
func quotedLength(line []byte) int {
	for i := 1; i < len(line); i++ {
		switch {
		case line[0] == '"' && line[i] == '\\':
			i++
		case line[i] == line[0] && line[0] == '\'' && i+1 < len(line) && line[i+1] == '\'':
			i++
		case line[i] == line[0]:
			return i + 1
		}
	}
	return len(line)
}

// lastEnd returns where the last member of v ends, or v's own end where that is later or there is none: members that
// come from an alias may stand before v.
func lastEnd(v *Value) resource.Pos {
	end := v.Range.End
	for _, item := range v.Items {
		if item.Range.End.Byte > end.Byte {
			end = item.Range.End
		}
	}
	for _, f := range v.Fields {
		if f.Value.Range.End.Byte > end.Byte {
			end = f.Value.Range.End
		}
	}
	return end
}
