package schema

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// text returns v as a string. Numbers and booleans count as their text in a lax format, and where anyScalar.
func (d *decoder) text(v *source.Value, shown string, anyScalar bool) (string, bool) {
	switch {
	case v.Shape == source.String:
	case v.Scalar() && (d.spelling.lax || anyScalar):
	case v.Scalar():
		d.errorf(v.Range, "Wrong type", "%s must be a string, but this is %s. To mean the text, put it in quotes: %q.", shown, v.Describe(), message.Shorten(v.Text))
		return "", false
	case v.Shape == source.Null:
		d.errorf(v.Range, "Wrong type", "%s must be a string, but nothing stands here. For the empty string write \"\".", shown)
		return "", false
	default:
		d.errorf(v.Range, "Wrong type", "%s must be a string, but this is %s.", shown, v.Describe())
		return "", false
	}
	if strings.ContainsRune(v.Text, 0) {
		d.errorf(v.Range, "Invalid value", "%s contains a NUL character, which no argument, path or variable of a Linux program can hold. Remove it.", shown)
		return "", false
	}
	return v.Text, true
}

func (d *decoder) boolean(v *source.Value, shown string) (result, ok bool) {
	if v.Shape == source.Bool || v.Shape == source.String && d.spelling.lax {
		switch strings.ToLower(v.Text) {
		case "true":
			return true, true
		case "false":
			return false, true
		}
	}
	hint := "Write true or false."
	if v.Shape == source.String && slices.Contains([]string{"true", "false"}, strings.ToLower(v.Text)) {
		hint = "Remove the quotes."
	}
	d.errorf(v.Range, "Wrong type", "%s must be true or false, but this is %s. %s", shown, v.Describe(), hint)
	return false, false
}

// numberAttribute sets an int64, *int64 or float64.
func (d *decoder) numberAttribute(a *resource.Attribute, into reflect.Value, v *source.Value, at place) {
	var n int64
	var f float64
	var ok bool
	switch a.Type {
	case resource.TypeFloat:
		f, ok = d.float(v, at.shown)
	case resource.TypeBytes:
		n, ok = d.bytes(a, v, at.shown)
		f = float64(n)
	default:
		n, ok = d.integer(v, at.shown)
		f = float64(n)
	}
	if !ok || !d.inRange(a, f, v, at) {
		return
	}
	switch into.Kind() {
	case reflect.Pointer:
		into.Set(reflect.ValueOf(&n))
	case reflect.Float64:
		into.SetFloat(f)
	default:
		into.SetInt(n)
	}
}

func (d *decoder) inRange(a *resource.Attribute, f float64, v *source.Value, at place) bool {
	if !a.HasRange || f >= a.Min && f <= a.Max || a.Unlimited && f == resource.Unlimited {
		return true
	}
	show := func(f float64) string {
		if a.Type == resource.TypeBytes {
			return units.BytesSize(f)
		}
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	bounds := "at least " + show(a.Min)
	if a.Max < resource.NoMax {
		bounds = "from " + show(a.Min) + " to " + show(a.Max)
	}
	if a.Unlimited {
		bounds += ", or -1 for no limit"
	}
	hint := ""
	switch {
	case f == 0 && a.Unlimited:
		hint = " Remove it to use the default."
	case f == 0 && !a.Required:
		hint = " Remove it to leave the value unset."
	}
	d.errorf(v.Range, "Out of range", "%s is %s, but must be %s.%s", at.shown, message.Shorten(v.Text), bounds, hint)
	return false
}

// number reports whether v may be read as a number, and complains if not.
func (d *decoder) number(v *source.Value, shown, wants string) bool {
	if v.Shape == source.Number || v.Shape == source.String && d.spelling.lax {
		return true
	}
	hint := ""
	if _, err := strconv.ParseFloat(v.Text, 64); err == nil && v.Shape == source.String {
		hint = " Remove the quotes."
	}
	d.errorf(v.Range, "Wrong type", "%s must be %s, but this is %s.%s", shown, wants, v.Describe(), message.Or(hint, secondsHint(shown, v)))
	return false
}

func (d *decoder) integer(v *source.Value, shown string) (int64, bool) {
	const wants = "a whole number"
	if !d.number(v, shown, wants) {
		return 0, false
	}
	if n, err := strconv.ParseInt(v.Text, 10, 64); err == nil && !strings.HasPrefix(v.Text, "0") || v.Text == "0" {
		return n, true
	}
	d.errorf(v.Range, "Wrong type", "%s must be %s in decimal digits such as 10, but this is %s.%s", shown, wants, v.Describe(), secondsHint(shown, v))
	return 0, false
}

// secondsHint returns the remedy for a duration such as 1m30s in place of a number of seconds, with a space before it, or "".
func secondsHint(shown string, v *source.Value) string {
	duration, err := time.ParseDuration(v.Text)
	if err != nil || v.Shape != source.String || v.Sensitive || duration < time.Second || !strings.HasSuffix(strings.ToLower(shown), "seconds") {
		return ""
	}
	return fmt.Sprintf(" Write %d.", int64(duration.Round(time.Second)/time.Second))
}

func (d *decoder) float(v *source.Value, shown string) (float64, bool) {
	const wants = "a number"
	if !d.number(v, shown, wants) {
		return 0, false
	}
	f, err := strconv.ParseFloat(v.Text, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		d.errorf(v.Range, "Wrong type", "%s must be %s such as 0.5, but this is %s.", shown, wants, v.Describe())
		return 0, false
	}
	return f, true
}

// bytes reads a number of bytes, or a string with a unit.
func (d *decoder) bytes(a *resource.Attribute, v *source.Value, shown string) (int64, bool) {
	const wants = "a size such as \"64MiB\" or a number of bytes"
	if v.Shape == source.Number || !v.Scalar() {
		if n, err := strconv.ParseInt(v.Text, 10, 64); err == nil && v.Shape == source.Number {
			return n, true
		}
		d.errorf(v.Range, "Wrong type", "%s must be %s, but this is %s.", shown, wants, v.Describe())
		return 0, false
	}
	if a.Unlimited && v.Text == strconv.Itoa(resource.Unlimited) {
		return resource.Unlimited, true
	}
	n, err := units.RAMInBytes(v.Text)
	if err != nil || v.Shape == source.Bool {
		d.errorf(v.Range, "Invalid size", "%s must be %s, but this is %s. The units are K, M, G, T and P (also KB, KiB and so on), in powers of 1024.", shown, wants, v.Describe())
		return 0, false
	}
	// The conversion of a float that no int64 can hold ends at one of its bounds.
	if n < 0 || n == math.MaxInt64 {
		d.errorf(v.Range, "Invalid size", "%s is %q, which is more than any machine has.", shown, message.Shorten(v.Text))
		return 0, false
	}
	return n, true
}
