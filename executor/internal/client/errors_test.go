package client

import (
	"fmt"
	"testing"
)

func TestReadable(t *testing.T) {
	for in, want := range map[string]string{
		`failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "x": executable file not found in $PATH: unknown`: `exec: "x": executable file not found in $PATH`,
		`OCI runtime create failed: runc create failed: unable to start container process: error during container init: error mounting "/a"`:                                   `error mounting "/a"`,
		`something else`: `something else`,
	} {
		if got := Readable(fmt.Errorf("%s", in)).Error(); got != want {
			t.Errorf("%q\n got %q\nwant %q", in, got, want)
		}
	}
}
