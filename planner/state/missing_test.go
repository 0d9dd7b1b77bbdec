package state

import (
	"testing"

	"github.com/kukeon/kuke/config/resource"
)

func TestMissing(t *testing.T) {
	st := &State{Records: map[resource.Path]*Record{}}
	for _, p := range []resource.Path{"main", "main/default", "main/default/blog", "main/default/blog/web", "main/default/blog/web/httpd"} {
		st.Records[p] = &Record{Path: p}
	}
	missing := resource.Path("default/default/default/default/httpd")
	want := "there is no container default/default/default/default/httpd in the state. "
	if err := st.Missing(missing); err.Error() != want+"Did you mean main/default/blog/web/httpd?" {
		t.Error(err)
	}
	st.Records["main/default/blog/db/httpd"] = &Record{Path: "main/default/blog/db/httpd"}
	if err := st.Missing(missing); err.Error() != want+"Did you mean main/default/blog/db/httpd or main/default/blog/web/httpd?" {
		t.Error(err)
	}
	if err := st.Missing("main/other"); err.Error() != "there is no space main/other in the state. kuke state list lists the paths" {
		t.Error(err)
	}
}
