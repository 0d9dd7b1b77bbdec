package functions

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/kukeon/kuke/config/internal/sandbox"
)

// many is a list of a million characters, and long a text of four millions.
const (
	many = `split("", join("", [for i in range(250) : format("%04000d", 0)]))`
	long = `join("", [for i in range(1024) : format("%04000d", 0)])`
)

// TestBounds calls each function that makes much of little, and wants an error soon.
func TestBounds(t *testing.T) {
	dir := writeFiles(t)
	deep := func(open, shut string, n int) string {
		return `"` + strings.Repeat(open, n) + strings.Repeat(shut, n) + `"`
	}
	bomb := `a: &a [x, x, x, x, x, x, x, x, x]\n`
	for name := 'b'; name < 'l'; name++ {
		before, after := string(name-1), string(name)
		bomb += after + ": &" + after + " [" + strings.TrimSuffix(strings.Repeat("*"+before+", ", 9), ", ") + `]\n`
	}
	for _, c := range [][2]string{
		{`range(1000000000)`, "more than 1024 values"},
		{`range(0, 1, 0.0000001)`, "more than 1024 values"},
		{`format("%1000000000d", 1)`, `"%1000000000d" asks for more than 4096 characters`},
		{`format("%.1000000000f", 1)`, "asks for more than 4096 characters"},
		{`format("%99999999999999999999d", 1)`, "asks for more than 4096 characters"},
		{`format(join("", [for i in range(1024) : "%[1]s%[1]s%[1]s%[1]s%[1]s"]), ` + long + `)`, "16 MiB of text"},
		{`format("%d", "1e1000000")`, "the number is too large or too small"},
		{`format("%d", 1e1000000)`, "the number is too large or too small"},
		{`formatlist("%s%s", ` + long + `, range(1000))`, "16 MiB of text"},
		{`formatlist("%4000s", flatten([for i in range(100) : range(1000)]))`, "the maximum"},
		{`indent(1000000000, "\n")`, "from 0 to 4096"},
		{`indent(4000, join("", [for i in range(1024) : "\n\n\n\n\n"]))`, "16 MiB of text"},
		{`join(` + long + `, range(100))`, "16 MiB of text"},
		{`replace(` + long + `, "", "0123456789")`, "16 MiB of text"},
		{`replace(join("", [for i in range(1024) : "aaaa"]), "/a/", join("", [for i in range(1024) : "01234567"]))`, "16 MiB of text"},
		{`replace(` + long + `, "/(0*)/", "$1$1$1$1$1$1$1$1")`, "16 MiB of text"},
		{`split("", ` + long + `)`, "values, the maximum"},
		{`regexall("", ` + long + `)`, "values, the maximum"},
		{`regexall("0*a|0", ` + long + `)`, "67108864 steps"},
		{`regexall("\\B(0|0*a)", ` + long + `)`, "67108864 steps"},
		{`regex("(0?){900}a{900}", ` + long + `)`, "67108864 steps"},
		{`regex("((((0{30}){30}){30}){30}){30}", "a")`, "invalid repeat count"},
		{`jsondecode(` + deep("[", "]", 200) + `)`, "nests more than 100 levels"},
		{`jsondecode(` + deep("{\\\"a\\\":", "}", 100000) + `)`, "nests more than 100 levels"},
		{`jsondecode("1e1000000")`, "the number is too large or too small"},
		{`jsondecode(format("%04000d%04000d", 1, 1))`, "more than 4096 digits"},
		{`jsondecode("[${replace(` + long + `, "0", "0,")}0]")`, "values, the maximum"},
		{`yamldecode("` + bomb + `")`, "values, the maximum"},
		{`yamldecode(` + deep("[", "]", 200) + `)`, "nests too deeply"},
		{`yamldecode(` + deep("[", "]", 100000) + `)`, "exceeded max depth"},
		{`yamldecode(` + deep("- ", "", 100000) + `)`, "exceeded max depth"},
		{`yamldecode("a: 1e1000000")`, "the number is too large or too small"},
		{`yamldecode(` + long + `)`, "too many digits"},
		{`yamldecode("${` + long + `}${` + long + `}")`, "is longer than 4 MiB"},
		{`csvdecode(replace(` + long + `, "0", "0,"))`, "values, the maximum"},
		{`setproduct(range(1024), range(1024), range(2))`, "values, the maximum"},
		{`setproduct([for i in range(1000) : [1, 2]]...)`, "values, the maximum"},
		{`concat(` + many + `, ` + many + `)`, "values, the maximum"},
		{`pow(10, 400)`, "infinite"},
		{`parseint(format("%04000d", 1), 62) + parseint(format("1%04000d", 1), 62)`, "the number is too large or too small"},
		{`parseint(format("%04000d%04000d", 1, 1), 10)`, "more than 4096 characters"},
		{`tonumber("1e1000000000")`, "the number is infinite, or too large"},
		{`tonumber(` + long + `)`, "more than 4096 characters"},
		{`sum([` + long + `])`, "more than 4096 characters"},
		{`tostring(1e100000000)`, "the number is too large or too small"},
		{`jsonencode(1e100000000)`, "the number is too large or too small"},
		{`cidrsubnets("10.0.0.0/28", [for i in range(1024) : 4]...)`, "there is no room left"},
		{`cidrsubnet("10.0.0.0/8", 1e9, 1)`, "must be a whole number"},
		{`cidrsubnet("::/0", 100, 1e50)`, "there is none numbered"},
		{`cidrhost("::/0", 1e300)`, "does not accommodate"},
		{`timeadd("2017-11-22T00:00:00Z", "9999999999999h")`, "invalid"},
		{`templatestring("%%{ for i in range(1000) }%%{ for j in range(1000) }%%{ for k in range(1000) }x%%{ endfor }%%{ endfor }%%{ endfor }", {})`, "values, the maximum"},
		{`templatestring("%%{ for i in range(1000) }$${t}%%{ endfor }", {t = ` + long + `})`, "64 MiB of text"},
		{`templatestring(` + deep("$${(", "", 300) + `, {})`, "nests more than 200 levels"},
		{`templatestring(` + deep("%%{ if true }", "", 300) + `, {})`, "nests more than 200 levels"},
		{`templatestring("$${` + strings.Repeat("!", 3000) + `true}", {})`, "2000 operators"},
		{`templatestring(` + long + `, {})`, "larger than 1 MiB"},
		{`try(` + strings.Repeat("try(", 60) + `{}.a` + strings.Repeat(")", 60) + `)`, "no expression succeeded"},
		{`[for i in range(1000) : [for j in range(1000) : [for k in range(1000) : k]]]`, "values, the maximum"},
		{`[for i in range(1000) : can([for j in range(1000) : [for k in range(1000) : k]])]`, "values, the maximum"},
		{`try([for i in range(1000) : [for j in range(1000) : [for k in range(1000) : k]]], 1)`, "values, the maximum"},
		{`fileset(".", join("", [for i in range(1000) : "{a,b}"]))`, "longer than 1024 characters"},
		{`fileset(".", "` + strings.Repeat("{a,b}", 40) + `")`, "more than 65536 files"},
	} {
		start := cpuTime(t)
		v, err := evaluate(t, sandbox.Files{Dir: dir, Root: dir}, c[0])
		took := cpuTime(t) - start
		if err == nil {
			t.Errorf("%.100s is of type %s, want an error with %q", c[0], v.Type().FriendlyName(), c[1])
		} else if !strings.Contains(err.Error(), c[1]) {
			t.Errorf("%.100s: error %.300q, want %q in it", c[0], err, c[1])
		}
		if took > 20*time.Second {
			t.Errorf("%.100s took %s", c[0], took)
		}
		if testing.Verbose() {
			t.Logf("%10s %.80s", took.Round(time.Millisecond), c[0])
		}
	}
}

// TestMuch shows that values within the limits work, and soon.
func TestMuch(t *testing.T) {
	dir := writeFiles(t)
	for expr, want := range map[string]string{
		`length(distinct(` + many + `))`: `1`,
		`length(regexall("[a-z]+", join(" ", [for i in range(1024) : "some words of text"])))`: `4096`,
		`length(replace(` + long + `, "/0+/", "1"))`:                                           `1`,
		`length(jsondecode("[${join(",", range(1000))}]"))`:                                    `1000`,
		`length(setproduct(range(1000), range(100)))`:                                          `100000`,
		`length(templatestring("%%{ for i in range(1000) }$${i},%%{ endfor }", {}))`:           `3890`,
	} {
		start := cpuTime(t)
		v, err := evaluate(t, sandbox.Files{Dir: dir, Root: dir}, expr)
		if err != nil {
			t.Errorf("%s: %s", expr, err)
		} else if text(t, v) != want {
			t.Errorf("%s is %s, want %s", expr, text(t, v), want)
		}
		if took := cpuTime(t) - start; took > 20*time.Second {
			t.Errorf("%s took %s", expr, took)
		}
	}
}

func TestFileBounds(t *testing.T) {
	dir := writeFiles(t)
	big, err := os.Create(filepath.Join(dir, "big"))
	if err != nil {
		t.Fatal(err)
	}
	defer big.Close()
	if err := big.Truncate(sandbox.MaxSize + 1); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("loop", filepath.Join(dir, "loop")); err != nil {
		t.Fatal(err)
	}
	for expr, want := range map[string]string{
		`file("big")`:                "big is larger than 16 MiB, the maximum",
		`filesha256("big")`:          "big is larger than 16 MiB",
		`file("pipe")`:               "pipe is not a regular file",
		`fileexists("pipe")`:         "pipe is not a regular file",
		`templatefile("pipe", {})`:   "pipe is not a regular file",
		`file("loop")`:               "read loop: ",
		`file("a\u0000")`:            "a path can't hold a zero byte",
		`templatefile("binary", {})`: "Use filebase64",
	} {
		_, err := evaluate(t, sandbox.Files{Dir: dir, Root: dir}, expr)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q in it", expr, err, want)
		}
	}
}

// TestBounded shows that an expression can be evaluated again, each time with all its bounds.
func TestBounded(t *testing.T) {
	for range 2 {
		v, err := evaluate(t, sandbox.Files{}, `length([for i in range(1000) : [for j in range(300) : j]])`)
		if err != nil || !v.RawEquals(cty.NumberIntVal(1000)) {
			t.Errorf("%#v, %v", v, err)
		}
	}
	expr, diags := hclsyntax.ParseExpression([]byte(`upper(a.b) + (c ? [for x in d : x] : e)`), "", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	var names []string
	for _, traversal := range Bounded(expr).Variables() {
		names = append(names, traversal.RootName())
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"a", "c", "d", "e"}) {
		t.Errorf("the variables are %s", names)
	}
}

// cpuTime returns the processor time that the process has used. Unlike the time on a clock it does not depend on how busy the
// host is.
func cpuTime(t interface{ Fatal(...any) }) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
