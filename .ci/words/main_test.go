package main

import (
	"slices"
	"testing"
	"testing/fstest"
)

func TestCheck(t *testing.T) {
	source := `// Package p stands
// for something. Lists such as this are fine, and so is somewhat.
package p

import "fmt"

const what = "no identifiers"

// F prints such things, or "no such file or directory".
func F() {
	fmt.Println("one\ntwo,", "What\n") // Taken all of it away
	fmt.Println(` + "`\nlines\nby now`" + `)
	/* anew,
	   and that
	   which */
}
`
	findings, err := check(fstest.MapFS{
		"a/p.go":          {Data: []byte(source)},
		"a/p_test.go":     {Data: []byte("package p // what")},
		"a/testdata/q.go": {Data: []byte("package q // what")},
		".b/q.go":         {Data: []byte("package q // what")},
		"a/what.txt":      {Data: []byte("what")},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`a/p.go:1: "stands for": name the noun`,
		`a/p.go:9: "such": name the noun`,
		`a/p.go:11: "Taken all of it away": name the noun`,
		`a/p.go:15: "anew": name the noun`,
		`a/p.go:16: "that which": name the noun`,
		`a/p.go:11: "What": name the noun`,
		`a/p.go:14: "by now": name the noun`,
	}
	if !slices.Equal(findings["a"], want) || len(findings) != 1 {
		t.Errorf("got %q, want %q", findings, want)
	}
}
