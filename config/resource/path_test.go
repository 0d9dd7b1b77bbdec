package resource

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParsePath(t *testing.T) {
	longest := strings.Repeat("a", MaxNameLength)
	tests := []struct {
		path string
		kind Kind   // of a valid path
		err  string // part of the error of an invalid one
	}{
		{path: "main", kind: KindRealm},
		{path: "0", kind: KindRealm},
		{path: "main/default", kind: KindSpace},
		{path: "main/default/blog", kind: KindStack},
		{path: "main/default/blog/web-1", kind: KindCell},
		{path: "main/default/blog/web/nginx", kind: KindContainer},
		{path: "a-b-c/1-2", kind: KindSpace},
		{path: longest, kind: KindRealm},
		{path: "", err: "empty"},
		{path: "/", err: "a name is empty"},
		{path: "/main", err: "a name is empty"},
		{path: "main/", err: "a name is empty"},
		{path: "main//blog", err: "a name is empty"},
		{path: "a/b/c/d/e/f", err: "has 6 names"},
		{path: "..", err: `contains '.'`},
		{path: "main/../etc", err: `contains '.'`},
		{path: "Main", err: `contains 'M'`},
		{path: "a_b", err: `contains '_'`},
		{path: "a b", err: `contains ' '`},
		{path: "a\nb", err: `contains '\n'`},
		{path: "a\x00", err: `contains '\x00'`},
		{path: "é", err: `contains 'é'`},
		{path: "\xff", err: "contains"},
		{path: "-a", err: "may only stand alone"},
		{path: "a-", err: "may only stand alone"},
		{path: "a--b", err: "may only stand alone"},
		{path: "-", err: "may only stand alone"},
		{path: longest + "a", err: "has 64 characters"},
		{path: strings.Repeat("a", 300), err: "has 300 characters"},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			p, err := ParsePath(tt.path)
			if tt.err == "" {
				if err != nil || p != Path(tt.path) || p.Kind() != tt.kind || p.Depth() != tt.kind.Depth() {
					t.Errorf("ParsePath = %q, %v", p, err)
				}
				return
			}
			if err == nil || p != "" || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("ParsePath = %q, %v; want an error with %q", p, err, tt.err)
			}
			if err != nil && len(err.Error()) > 400 {
				t.Errorf("the error is %d bytes long", len(err.Error()))
			}
		})
	}
}

func TestPathParts(t *testing.T) {
	p := Path("main/default/blog/web/nginx")
	if got := strings.Join(p.Names(), " "); got != "main default blog web nginx" {
		t.Errorf("Names = %s", got)
	}
	var up []Path
	for q := p; q != ""; q = q.Parent() {
		up = append(up, q)
		if q.Realm() != "main" || !q.Contains(p) || q.Parent().Join(q.Name()) != q {
			t.Errorf("%s: Realm %s, Contains %v, Join %s", q, q.Realm(), q.Contains(p), q.Parent().Join(q.Name()))
		}
	}
	if len(up) != 5 || Path("").Depth() != 0 || Path("").Names() != nil {
		t.Errorf("parents: %v", up)
	}
	for _, other := range []Path{"main/default/blog/web/nginx2", "main/default/blog/web", "main/default/blog/web-1/nginx"} {
		if p.Contains(other) {
			t.Errorf("%s contains %s", p, other)
		}
	}
}

func TestComparePaths(t *testing.T) {
	// By bytes "-" comes before "/": "a-b" would stand between "a" and "a/b".
	want := []Path{"a", "a/b", "a/b/c", "a/b-c", "a/b-c/d", "a-b", "a-b/c", "a0", "b"}
	got := []Path{"b", "a/b-c", "a-b/c", "a0", "a/b", "a-b", "a/b-c/d", "a", "a/b/c"}
	slices.SortFunc(got, ComparePaths)
	if !slices.Equal(got, want) {
		t.Errorf("sorted: %v\nwant:   %v", got, want)
	}
}

func path() *rapid.Generator[Path] {
	name := rapid.StringMatching(`[ab](-?[ab0]){0,2}`)
	return rapid.Custom(func(t *rapid.T) Path {
		return Path(strings.Join(rapid.SliceOfN(name, 1, 5).Draw(t, "names"), "/"))
	})
}

// What is below a path stands right behind it: nothing foreign comes between.
func TestComparePathsKeepsFamiliesTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		paths := rapid.SliceOfDistinct(path(), rapid.ID).Draw(t, "paths")
		slices.SortFunc(paths, ComparePaths)
		for i, p := range paths {
			if _, err := ParsePath(string(p)); err != nil {
				t.Fatal(err)
			}
			inside := true
			for _, q := range paths[i:] {
				if below := p.Contains(q); below && !inside {
					t.Fatalf("%s is apart from %s: %v", q, p, paths)
				} else {
					inside = below
				}
			}
			for _, q := range paths[:i] {
				if p.Contains(q) {
					t.Fatalf("%s comes before %s", q, p)
				}
			}
		}
	})
}

func TestTree(t *testing.T) {
	tree := NewTree()
	for _, p := range []Path{"b/x/y", "a/x", "a", "a-b"} {
		if old := tree.Add(&Resource{Path: p, Spec: NewSpec(p.Kind())}); old != nil {
			t.Errorf("Add(%s) returned %s", p, old.Path)
		}
	}
	first := tree.Resource("a")
	if old := tree.Add(&Resource{Path: "a"}); old != first || tree.Resource("a") != first || tree.Len() != 4 {
		t.Errorf("adding a path again returned %v and left %v, %d resources", old, tree.Resource("a"), tree.Len())
	}
	var got, orphans []string
	for _, r := range tree.Resources() {
		got = append(got, string(r.Path))
	}
	for _, r := range tree.Undeclared() {
		orphans = append(orphans, string(r.Path))
	}
	if strings.Join(got, " ") != "a a/x a-b b/x/y" || strings.Join(orphans, " ") != "b/x/y" {
		t.Errorf("Resources %v, Undeclared %v", got, orphans)
	}
	r := &Resource{Declared: Range{File: "d"}, Ranges: map[string]Range{"image": {File: "i"}}}
	if r.RangeOf("image").File != "i" || r.RangeOf("args").File != "d" {
		t.Error("RangeOf does not fall back to the declaration, or always does")
	}
}

func TestNamePattern(t *testing.T) {
	pattern := regexp.MustCompile(NamePattern)
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[a-b1A_/\n-]{0,6}`).Draw(t, "name")
		if err := CheckName(s); (err == nil) != pattern.MatchString(s) {
			t.Fatalf("%q: CheckName says %v", s, err)
		}
	})
}
