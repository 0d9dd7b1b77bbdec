package lang

import (
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/resource"
)

func TestProjectName(t *testing.T) {
	long := strings.Repeat("x", resource.MaxNameLength-1)
	for dir, want := range map[string]string{
		"/srv/shop": "shop", "/srv/My Shop_2": "my-shop-2", "/srv/--a..b--": "a-b", "/": DefaultProject, "/srv/…": DefaultProject,
		"/srv/" + long + "yz": long + "y", "/srv/" + long + "-z": long, "/srv/.kuke": "kuke",
	} {
		if got := projectName(dir); got != want {
			t.Errorf("projectName(%q) = %q, want %q", dir, got, want)
		}
	}
}
