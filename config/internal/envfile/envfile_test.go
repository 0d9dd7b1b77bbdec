package envfile

import (
	"maps"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	const text = "\uFEFF# the database\nexport DB_USER=app\nDB_PASSWORD='pa$$ #word'\r\n\nURL=\"postgres://${DB_USER}@${HOST}\\n\" # there\n" +
		"KEY=\"line 1\nline 2\"\nEMPTY=\nSPACED = a b # comment\nPORT=${PORT_HERE:-5432}\nHOST=inner\nINNER=$HOST\nTOKEN"
	got, err := Parse([]byte(text), map[string]string{"HOST": "outer", "TOKEN": "t"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"DB_USER": "app", "DB_PASSWORD": "pa$$ #word", "URL": "postgres://app@outer\n", "KEY": "line 1\nline 2", "EMPTY": "", "SPACED": "a b",
		"PORT": "5432", "HOST": "inner", "INNER": "inner", "TOKEN": "t",
	}
	if !maps.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Errors name lines, and no part of a value.
func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"A=1\nhunter2 hunter2\n":            "line 2 is not of the form NAME=value",
		"A=1\nhunter2!=x\n":                 "line 2 is not of the form NAME=value",
		"A=1\n\nB=\"hunter2\n":              "the quote at line 3 is never closed",
		"A=1\nB=x$hunter2\n":                "the value at line 2 refers to a variable",
		"A=1\nB=${hunter2\n":                "the value at line 2 has a $ that begins no variable",
		"# x\nB=$LATER\nLATER=hunter2\n":    "the value at line 2 refers to a variable",
		"B=${X:?hunter2}\n":                 "the value at line 1 requires a variable",
		"A=1\nNAME\n":                       "line 2 is a name without a value",
		"=hunter2\n":                        "can't name a variable",
		"A=1\nB=hunter2\x00\n":              "line 2 holds a NUL",
		"A=" + strings.Repeat("x", 200<<10): "the variable A: it has",
	} {
		_, err := Parse([]byte(text), nil)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("A=1\nexport B='x'\n", "C")
	f.Fuzz(func(_ *testing.T, text, name string) {
		_, _ = Parse([]byte(text), map[string]string{name: text})
	})
}
