package client

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/containerd/errdefs"
)

// Wrap returns err with a description of the failed action, or nil for nil.
func Wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}

// Gone returns err, or nil where it says that the process no longer exists.
func Gone(err error) error {
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}

// runtimeError shows the part of a runtime's message that is about the container, and wraps the whole error.
type runtimeError struct {
	message string
	err     error
}

func (e *runtimeError) Error() string { return e.message }

func (e *runtimeError) Unwrap() error { return e.err }

// runtimePrefix matches the prefixes that the layers between runc and kuke add to a message.
var runtimePrefix = regexp.MustCompile(`^.*(?:OCI runtime create failed: |OCI runtime start failed: |OCI runtime exec failed: |exec failed: |unable to start container process: |error during container init: )+`)

// Readable removes the prefixes that the layers between runc and kuke add to a message. It returns all other errors
// unchanged.
func Readable(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	prefix := runtimePrefix.FindString(text)
	if prefix == "" {
		return err
	}
	text = strings.TrimSuffix(strings.TrimPrefix(text, prefix), ": unknown")
	return &runtimeError{message: text, err: err}
}
