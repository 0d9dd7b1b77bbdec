package functions

import (
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"github.com/kukeon/kuke/config/internal/sandbox"
)

// TestMarks shows which parts of a result are sensitive.
func TestMarks(t *testing.T) {
	dir := writeFiles(t)
	for expr, want := range map[string]bool{
		`upper(secret)`:                        true,
		`length(secret)`:                       true,
		`length([secret])`:                     false, // how many there are is written down
		`length(sensitive([1]))`:               true,
		`keys({a = secret})`:                   false,
		`keys(sensitive({a = 1}))`:             true,
		`keys({(secret) = 1})`:                 true,
		`values({a = secret})`:                 true,
		`element([secret, "b"], 1)`:            false,
		`element(["a", "b"], sensitive(1))`:    true,
		`lookup({a = secret, b = 1}, "b")`:     false,
		`lookup({a = secret, b = 1}, "a")`:     true,
		`lookup({a = 1}, secret, 2)`:           true,
		`lookup(sensitive({a = 1}), "a")`:      true,
		`lookup({a = 1}, "b", secret)`:         true,
		`coalesce("", secret)`:                 true,
		`coalesce(secret, "b")`:                true,
		`coalesce(sensitive(""), "b")`:         true, // that the first is empty shows
		`coalesce("a", secret)`:                false,
		`coalescelist([secret], ["b"])`:        true,
		`one([secret])`:                        true,
		`one(sensitive([]))`:                   true,
		`merge({a = secret}, {b = 1})`:         true,
		`concat([secret], ["b"])`:              true,
		`flatten([[secret], ["b"]])`:           true,
		`setproduct([secret], ["b"])`:          true,
		`zipmap([secret], ["b"])`:              true,
		`transpose({a = [secret]})`:            true,
		`distinct(["a", secret])`:              true,
		`matchkeys(["a"], [secret], ["b"])`:    true,
		`contains(["a", secret], "a")`:         true,
		`index(["a", secret], "a")`:            true,
		`alltrue([sensitive(true)])`:           true,
		`sum([sensitive(1), 2])`:               true,
		`range(sensitive(2))`:                  true,
		`format("%s", secret)`:                 true,
		`formatlist("%s", [secret])`:           true,
		`join(",", ["a", secret])`:             true,
		`replace("a", "a", secret)`:            true,
		`regex("s", secret)`:                   true,
		`jsonencode({a = secret})`:             true,
		`jsondecode(sensitive("[1]"))`:         true,
		`yamlencode({a = secret})`:             true,
		`yamldecode(sensitive("[1]"))`:         true,
		`base64gzip(secret)`:                   true,
		`sha256(secret)`:                       true,
		`uuidv5("dns", secret)`:                true,
		`type(secret)`:                         true,
		`tostring(secret)`:                     true,
		`toset([secret])`:                      true,
		`cidrhost(sensitive("10.0.0.0/8"), 1)`: true,
		`timecmp(sensitive("2026-01-01T00:00:00Z"), "2026-01-01T00:00:00Z")`: true,
		`file(sensitive("a.txt"))`:                                                true,
		`fileexists(sensitive("a.txt"))`:                                          true,
		`fileset(".", sensitive("*.txt"))`:                                        true,
		`templatefile("secret.tftpl", {secret = secret})`:                         true,
		`templatefile("secret.tftpl", {secret = "", other = secret})`:             false,
		`templatefile("a.txt", sensitive({}))`:                                    true,
		`templatefile(sensitive("a.txt"), {})`:                                    true,
		`templatestring("$${upper(s)}", {s = secret})`:                            true,
		`templatestring("%%{ for s in l }x%%{ endfor }", {l = sensitive(["a"])})`: true,
		`templatestring(secret, {})`:                                              true,
		`try(secret, "b")`:                                                        true,
		`try(upper({}), secret)`:                                                  true,
		`try({a = secret}.b, "b")`:                                                false,
		`issensitive(secret)`:                                                     false,
		`nonsensitive(secret)`:                                                    false,
		`nonsensitive({a = secret})`:                                              true, // only the whole is meant
		`sensitive({a = 1})`:                                                      true,
	} {
		v, err := evaluate(t, sandbox.Files{Dir: dir, Root: dir}, expr)
		if err != nil {
			t.Errorf("%s: %s", expr, err)
		} else if IsSensitive(v) != want {
			t.Errorf("%s: sensitive is %v, want %v", expr, !want, want)
		}
	}
}

// TestDiscreet shows that errors don't cite sensitive values.
func TestDiscreet(t *testing.T) {
	dir := writeFiles(t)
	for _, expr := range []string{
		`tonumber(secret)`, `jsondecode(secret)`, `parseint(secret, 10)`, `file(secret)`, `cidrhost(secret, 1)`,
		`lookup({}, secret)`, `regex(secret, "a")`, `formatdate("YYYY", secret)`, `templatefile(secret, {})`,
		`templatestring("$${tonumber(s)}", {s = secret})`, `try(tonumber(secret))`, `base64decode("${secret}!")`,
		`zipmap([secret], [])`, `format(secret, 1)`, `uuidv5(secret, "a")`, `tobool(secret)`,
	} {
		v, err := evaluate(t, sandbox.Files{Dir: dir, Root: dir}, expr)
		if err == nil {
			t.Errorf("%s is %#v", expr, v)
		} else if strings.Contains(strings.ReplaceAll(err.Error(), "is sensitive", ""), "secret") {
			t.Errorf("%s: %s", expr, err)
		}
	}
}

func TestIsSensitive(t *testing.T) {
	secret := cty.StringVal("s").Mark(Sensitive)
	for _, c := range []struct {
		v    cty.Value
		want bool
	}{
		{secret, true},
		{cty.ObjectVal(map[string]cty.Value{"a": cty.ListVal([]cty.Value{secret})}), true},
		{cty.SetVal([]cty.Value{secret}), true},
		{cty.UnknownVal(cty.String).Mark(Sensitive), true},
		{cty.NullVal(cty.String).Mark(Sensitive), true},
		{cty.StringVal("s").Mark("other"), false},
		{cty.DynamicVal, false},
	} {
		if IsSensitive(c.v) != c.want {
			t.Errorf("%#v: sensitive is %v", c.v, !c.want)
		}
	}
}

// TestUnknown shows that unknown values are no error.
func TestUnknown(t *testing.T) {
	dir := writeFiles(t)
	for _, expr := range []string{
		`upper(unknown)`, `format("%s", unknown)`, `length(unknown)`, `jsonencode([unknown])`, `jsondecode(unknown)`,
		`file(unknown)`, `templatestring("$${a}", {a = unknown})`, `coalesce(unknown, "a")`, `try(unknown, "a")`,
		`lookup({a = 1}, unknown, 2)`, `regexall(unknown, "a")`, `replace("a", unknown, "b")`, `join(unknown, ["a"])`,
		`sum([unknown])`, `one([unknown])`, `distinct(["a", unknown])`, `matchkeys(["a"], [unknown], ["b"])`,
		`index(["a", unknown], "b")`, `alltrue([true, unknown])`, `transpose({a = [unknown]})`, `cidrhost(unknown, 1)`,
		`yamldecode(unknown)`, `csvdecode(unknown)`, `indent(1, unknown)`, `setproduct([unknown], toset([unknown]))`,
		`issensitive(unknown)`, `sensitive(unknown)`, `split(unknown, "a")`, `pow(unknown, 1)`, `parseint(unknown, 10)`,
	} {
		v, err := evaluate(t, sandbox.Files{Dir: dir, Root: dir}, expr)
		if err != nil {
			t.Errorf("%s: %s", expr, err)
		} else if v.IsWhollyKnown() {
			t.Errorf("%s is %#v, want something unknown", expr, v)
		}
	}
}
