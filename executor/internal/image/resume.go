package image

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/containerd/containerd/v2/core/remotes"
	remoteerrors "github.com/containerd/containerd/v2/core/remotes/errors"
	"github.com/containerd/errdefs"
	"github.com/docker/go-units"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	// maxResumes is the number of further connections in a row that bring no more than minProgress bytes of a blob.
	maxResumes  = 4
	minProgress = 64 << 10
	// pauses is the part of the time without a byte that is waited before the first further connection. Each wait is twice as
	// long as the one before.
	pauses = 30
)

var errStalled = errors.New("the connection has stalled")

// IncompleteError is the error of a pull that was given up because its connections broke or stalled.
type IncompleteError struct {
	Blob ocispec.Descriptor
	// Arrived is the number of bytes of the blob that have arrived.
	Arrived int64
	// Connections is the number of connections that brought next to nothing, and Waited the time that they took.
	Connections int
	Waited      time.Duration
	// Kept says that the next pull of the image goes on from there.
	Kept bool

	err error
}

// Error says how much has arrived, the reason and how to go on.
func (e *IncompleteError) Error() string {
	why := ""
	if !errors.Is(e.err, errStalled) {
		why = fmt.Sprintf(" (%v)", e.err)
	}
	next := "again"
	if e.Kept {
		next = fmt.Sprintf("again to continue from there. The blobs and their parts that have arrived are kept for %d hours", partialLife/time.Hour)
	}
	return fmt.Sprintf("%s of %s of blob %s have arrived, and next to nothing for %s over %d connections%s. Look at the network and the registry, and run the command %s",
		units.HumanSize(float64(e.Arrived)), units.HumanSize(float64(e.Blob.Size)), e.Blob.Digest, e.Waited.Round(100*time.Millisecond), e.Connections, why, next)
}

// Unwrap returns the error of the last connection.
func (e *IncompleteError) Unwrap() error { return e.err }

// resuming reads a blob of a registry. Where a connection breaks or stalls, it goes on over another one from the place that it has
// come to. It is used by one goroutine.
type resuming struct {
	ctx     context.Context
	fetcher remotes.Fetcher
	desc    ocispec.Descriptor
	stall   time.Duration
	// kept says that the parts of the blob stay after a failure.
	kept bool
	// moved is told the number of bytes that have arrived.
	moved func(at int64)

	// at is the position of the reader in the blob.
	at int64
	// body is the answer of a connection, nil where there is none; attempt is the context of both.
	body    io.ReadCloser
	attempt context.Context
	cancel  context.CancelCauseFunc
	// skip is the number of bytes that come once more, from a registry that can't go on in the middle.
	skip int64
	// got says that the connection has brought a byte.
	got bool
	// whole says that the blob is to be asked for from its beginning: an answer from the middle did not come.
	whole bool

	// resumes counts connections in a row that brought next to nothing, the first one of them after since. mark is the position at
	// the beginning of the last one.
	resumes int
	since   time.Time
	mark    int64
}

// Read implements [io.Reader].
func (r *resuming) Read(p []byte) (int, error) {
	for {
		n, err := r.read(p)
		if n > 0 || err == nil {
			r.at += int64(n)
			r.moved(r.at)
			return n, nil
		}
		if errors.Is(err, io.EOF) {
			if r.at >= r.desc.Size {
				return 0, io.EOF
			}
			err = io.ErrUnexpectedEOF
		}
		if err := r.again(err); err != nil {
			return 0, err
		}
	}
}

// read reads from the connection, which it makes where there is none.
func (r *resuming) read(p []byte) (int, error) {
	if r.body == nil {
		if err := r.open(); err != nil {
			return 0, err
		}
	}
	for {
		to := p
		if r.skip > 0 {
			to = p[:min(int64(len(p)), r.skip)]
		}
		watch := time.AfterFunc(r.stall, func() { r.cancel(errStalled) })
		n, err := r.body.Read(to)
		watch.Stop()
		r.got = r.got || n > 0
		if n > 0 && r.skip == 0 {
			return n, nil
		}
		r.skip -= int64(n)
		if err != nil {
			return 0, r.because(err)
		}
	}
}

// open asks the registry for the blob, from the position of the reader.
func (r *resuming) open() error {
	r.attempt, r.cancel = context.WithCancelCause(r.ctx)
	r.got, r.skip = false, 0
	watch := time.AfterFunc(r.stall, func() { r.cancel(errStalled) })
	defer watch.Stop()
	body, err := r.fetcher.Fetch(r.attempt, r.desc)
	if err != nil {
		return r.because(err)
	}
	r.body = body
	if seeker, ok := body.(io.Seeker); ok && !r.whole {
		_, err = seeker.Seek(r.at, io.SeekStart)
		return r.because(err)
	}
	r.skip = r.at
	return nil
}

// because returns the reason for the end of the connection in place of the error that it led to.
func (r *resuming) because(err error) error {
	if err != nil && r.ctx.Err() == nil && errors.Is(context.Cause(r.attempt), errStalled) {
		return errStalled
	}
	return err
}

// again ends the connection after its error, and waits before another one is made. It returns the error where that would not help.
func (r *resuming) again(err error) error {
	// Where a registry ignores the position, containerd reads up to it without a byte for r.
	r.whole = r.whole || r.at > 0 && !r.got
	_ = r.Close()
	if r.ctx.Err() != nil {
		return r.ctx.Err()
	}
	if hopeless(err) {
		return err
	}
	if r.at-r.mark >= minProgress {
		r.resumes, r.since = 0, time.Now()
	}
	r.mark = r.at
	if r.resumes == maxResumes {
		return &IncompleteError{Blob: r.desc, Arrived: r.at, Connections: r.resumes + 1, Waited: time.Since(r.since), Kept: r.kept, err: err}
	}
	select {
	case <-time.After(r.stall / pauses << r.resumes):
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
	r.resumes++
	return nil
}

// hopeless reports whether the same question would get the same answer.
func hopeless(err error) bool {
	if status := (remoteerrors.ErrUnexpectedStatus{}); errors.As(err, &status) {
		switch status.StatusCode {
		case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusRequestedRangeNotSatisfiable:
			return false
		}
		return status.StatusCode < http.StatusInternalServerError
	}
	certificate := new(tls.CertificateVerificationError)
	return errdefs.IsNotFound(err) || errdefs.IsFailedPrecondition(err) || errdefs.IsInvalidArgument(err) || errors.As(err, &certificate)
}

// Seek implements [io.Seeker]. It knows no end.
func (r *resuming) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekStart {
		return 0, fmt.Errorf("seek from %d: %w", whence, errdefs.ErrNotImplemented)
	}
	if offset != r.at {
		_ = r.Close()
		r.at, r.mark = offset, offset
		r.moved(offset)
	}
	return offset, nil
}

// Close ends the connection.
func (r *resuming) Close() error {
	if r.cancel != nil {
		r.cancel(nil)
	}
	if r.body == nil {
		return nil
	}
	err := r.body.Close()
	r.body = nil
	return err
}
