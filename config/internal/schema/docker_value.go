package schema

import (
	"fmt"
	"strings"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// dockerValueHint returns the remedy for a name of Docker where it depends on the value, without a full stop, or "".
func (d *decoder) dockerValueHint(name string, v *source.Value) string {
	switch name {
	case "network_mode":
		return networkMode(plainText(v), d.assignment)
	case "volumes", "secrets", "configs", "tmpfs":
		if item := firstItem(v); item != "" {
			return strings.TrimSuffix(strings.TrimPrefix(d.shortForm(name, item), " "), ".")
		}
		return fmt.Sprintf("Write a block %s for each", d.spelled(name))
	}
	return ""
}

// networkMode returns the remedy for a network mode of Docker.
func networkMode(mode string, assignment func(name, value string) string) string {
	kind, other, _ := strings.Cut(mode, ":")
	switch {
	case mode == resource.NetworkHost || mode == resource.NetworkNone:
		return "Write " + assignment("network", mode)
	case kind == "service" || kind == "container":
		return fmt.Sprintf("Containers of one cell share its network: put this one into the cell of %s", message.Or(message.Shorten(other), "the other container"))
	case mode == "bridge" || mode == "default":
		return "Every cell has a bridge of its space. Remove it"
	}
	return "It is called network here: host, none or, by default, that of the space"
}

// shortForm returns the remedy for a text that Docker takes in place of an object of the attribute, with a space before it, or "".
func (d *decoder) shortForm(attribute, text string) string {
	a := resource.KindContainer.Attribute(attribute)
	if a == nil || text == "" {
		return ""
	}
	var fields []string
	called := func(name string) string { return d.spelling.attribute(resource.FindAttribute(a.Fields, name)) }
	add := func(name, value string) {
		if value != "" {
			fields = append(fields, d.assignment(called(name), value))
		}
	}
	switch attribute {
	case "volumes":
		from, target, options := mountWords(text)
		if strings.HasPrefix(from, "/") || strings.HasPrefix(from, ".") || strings.HasPrefix(from, "~") {
			add("source", from)
		} else {
			add("volume", from)
		}
		add("target", target)
		for option := range strings.SplitSeq(options, ",") {
			if attribute, ok := mountOptions[option]; ok {
				add(attribute[0], attribute[1])
			}
		}
	case "tmpfs":
		path, _, _ := strings.Cut(text, ":")
		add("path", path)
	case "secrets", "configs":
		add("name", text)
		fields = append(fields, called("fromFile")+" or "+called("fromEnv"))
	default:
		return ""
	}
	block := "block " + d.spelled(attribute)
	if d.spelling == YAML {
		block = "object"
	}
	return fmt.Sprintf(" Write the %s with %s.", block, strings.Join(fields, ", "))
}

// mountOptions are the options of Docker's mounts that kuke has, as attributes and their values.
var mountOptions = map[string][2]string{
	"ro": {"readOnly", "true"}, "z": {"selinux", "shared"}, "Z": {"selinux", "private"}, "nocopy": {"nocopy", "true"},
	"rslave": {"propagation", "rslave"}, "rshared": {"propagation", "rshared"},
}

// mountWords splits a mount as Docker writes it: [SOURCE:]TARGET[:OPTIONS]. A mount without a source is a volume without a name.
func mountWords(text string) (from, target, options string) {
	words := strings.SplitN(text, ":", 3)
	switch len(words) {
	case 1:
		return "", words[0], ""
	case 2:
		return words[0], words[1], ""
	}
	return words[0], words[1], words[2]
}

// assignment returns the text that sets the attribute of that name to value, which is a string or a boolean.
func (d *decoder) assignment(name, value string) string {
	switch {
	case d.spelling == YAML:
		return fmt.Sprintf("%s: %s", name, message.Shorten(value))
	case value == "true":
		return fmt.Sprintf("%s = %s", name, value)
	}
	return fmt.Sprintf("%s = %q", name, message.Shorten(value))
}

// plainText returns the text of a scalar that may be shown, or "".
func plainText(v *source.Value) string {
	if v == nil || !v.Scalar() || v.Sensitive {
		return ""
	}
	return v.Text
}

// firstItem returns the text of v, or that of the first item of a list, where it is a scalar that may be shown.
func firstItem(v *source.Value) string {
	if v != nil && v.Shape == source.List && !v.Sensitive && len(v.Items) > 0 {
		return plainText(v.Items[0])
	}
	return plainText(v)
}

// wordsHint returns the remedy for a list, or a string, of words in place of the other, with a space before it, or "".
func (d *decoder) wordsHint(a *resource.Attribute, v *source.Value) string {
	first := firstItem(v)
	switch {
	case first == "" || v.Blocks:
		return ""
	case a.Name == "command" && v.Shape == source.List && len(v.Items) == 1:
		return fmt.Sprintf(" Write %s.", d.assignment("command", first))
	case a.Name == "command" && v.Shape == source.List:
		return fmt.Sprintf(" Write the program as %s, and the other words as a list, args. With args alone, the entrypoint of the image stays.", d.assignment("command", first))
	case a.Name == "exec" && v.Scalar():
		return fmt.Sprintf(" Write [\"/bin/sh\", \"-c\", %q].", message.Shorten(first))
	case a.Name == "args" && v.Scalar() && strings.Contains(first, " "):
		return " Write each word as an item of its own: [\"-c\", \"…\"]."
	}
	return inBrackets(v)
}

// pairsHint returns the remedy for a list of NAME=value in place of an object, with a space before it, or "".
func (d *decoder) pairsHint(shown string, v *source.Value) string {
	name, value, ok := strings.Cut(firstItem(v), "=")
	switch {
	case v.Blocks:
		return fmt.Sprintf(" Write %s = { … }, with the equals sign.", shown)
	case !ok || v.Shape != source.List:
		return ""
	case d.spelling == YAML:
		return fmt.Sprintf(" Write each as an entry of the object: %s: %q.", name, message.Shorten(value))
	}
	return fmt.Sprintf(" Write %s = { %q = %q }.", shown, name, message.Shorten(value))
}

// itemHint returns the remedy for an object or a block in a list of texts, with a space before it, or "".
func itemHint(a *resource.Attribute, v *source.Value) string {
	list := v.Blocks && len(v.Items) > 0
	if list {
		v = v.Items[0]
	}
	if v.Shape != source.Object || v.HoldsSensitive() || v.HoldsUnknown() {
		return ""
	}
	field := func(name string) string {
		for _, f := range v.Fields {
			if f.Name == name {
				return plainText(f.Value)
			}
		}
		return ""
	}
	switch a.Name {
	case "ports":
		text := field("target")
		if published := field("published"); published != "" {
			text = published + ":" + text
		}
		if ip := field("host_ip"); ip != "" {
			text = ip + ":" + text
		}
		if field("protocol") == "udp" {
			text += "/udp"
		}
		switch {
		case field("target") == "":
		case list:
			return fmt.Sprintf(" Write %s = [%q].", a.HCLName, message.Shorten(text))
		default:
			return fmt.Sprintf(" Write it as a string: %q.", message.Shorten(text))
		}
	case "extraHosts":
		if len(v.Fields) > 0 && plainText(v.Fields[0].Value) != "" {
			return fmt.Sprintf(" Write a list: [%q].", message.Shorten(v.Fields[0].Name+":"+v.Fields[0].Value.Text))
		}
	case "envFile":
		if path := field("path"); path != "" && field("required") == "false" {
			return fmt.Sprintf(" Write it as a string, with a question mark: %q.", message.Shorten(path+"?"))
		} else if path != "" {
			return fmt.Sprintf(" Write it as a string: %q.", message.Shorten(path))
		}
	}
	return ""
}
