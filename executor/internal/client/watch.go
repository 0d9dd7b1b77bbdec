package client

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync/atomic"
	"time"

	versionapi "github.com/containerd/containerd/api/services/version/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

const (
	// probeInterval is the interval at which containerd is asked whether it answers, or half of the timeout where that is
	// less.
	probeInterval = 10 * time.Second
	// hurry is the time for which containerd may be silent once nobody waits any more for the result of a call: see
	// [Detached].
	hurry = time.Second
)

// watch ends the calls of one connection that containerd no longer answers.
//
// A question, for example the list of containers, has the timeout for its answer. Other calls may take any time: a change
// on a slow host, the unpacking of an image, the wait for an exit, a stream of events. Elapsed time doesn't tell these from
// a containerd that hangs, so watch asks containerd for its version meanwhile, and ends them when that stays unanswered.
// Either way the error is [*NoAnswerError].
type watch struct {
	address string
	timeout time.Duration
	conn    grpc.ClientConnInterface
	// silent is set once a detached call was given up. Later ones are then given up at once.
	silent atomic.Bool
}

// NoAnswerError is the error of a call that a connected containerd doesn't answer. Translated from gRPC it matches
// [context.DeadlineExceeded].
type NoAnswerError struct {
	// Address is the path of its socket; Call is the call, in the form "Containers/List".
	Address, Call string
	// Silent is the time without an answer.
	Silent time.Duration
}

// Error names the call and the remedy.
func (e *NoAnswerError) Error() string {
	return fmt.Sprintf("containerd at %s gave no answer to %s within %s: it is busy or hangs. "+
		"Look at systemctl status containerd and journalctl -u containerd, or wait longer with --call-timeout", e.Address, e.Call, e.Silent)
}

// GRPCStatus lets containerd's libraries treat it as an error of gRPC.
func (e *NoAnswerError) GRPCStatus() *grpcstatus.Status {
	return grpcstatus.New(codes.DeadlineExceeded, e.Error())
}

// questions are the methods of containerd's services that only read, and answer from known data.
var questions = map[string]bool{
	"Get": true, "List": true, "ListPids": true, "ListResources": true, "ListStatuses": true, "Info": true, "Stat": true,
	"Status": true, "Usage": true, "Mounts": true, "Metrics": true, "Plugins": true, "Server": true, "Version": true,
}

func (w *watch) dialOptions() []grpc.DialOption {
	return []grpc.DialOption{grpc.WithChainUnaryInterceptor(w.unary), grpc.WithChainStreamInterceptor(w.stream)}
}

func (w *watch) unary(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if isUnwatched(ctx) {
		return invoke(ctx, method, req, reply, conn, opts...)
	}
	asking := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	question := questions[path.Base(method)]
	if question {
		limited, stop := context.WithTimeoutCause(ctx, w.timeout, w.noAnswer(method, w.timeout))
		defer stop()
		ctx = limited
	}
	go w.attend(ctx, method, cancel)
	err := invoke(ctx, method, req, reply, conn, opts...)
	// containerd knows the timeout, and may report its end a moment before this process does.
	if question && grpcstatus.Code(err) == codes.DeadlineExceeded && asking.Err() == nil && ctx.Err() == nil {
		return w.noAnswer(method, w.timeout)
	}
	return because(ctx, err)
}

func (w *watch) stream(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	attended, leave := context.WithCancel(ctx)
	go w.attend(attended, method, cancel)
	stream, err := open(ctx, desc, conn, method, opts...)
	if err != nil {
		err = because(ctx, err)
		leave()
		cancel(nil)
		return nil, err
	}
	return &watchedStream{ClientStream: stream, ctx: ctx, cancel: cancel, leave: leave, upload: desc.ClientStreams}, nil
}

// watchedStream is watched until it has ended, or nobody reads it any more.
type watchedStream struct {
	grpc.ClientStream
	ctx    context.Context
	cancel context.CancelCauseFunc
	leave  context.CancelFunc
	// upload says that nobody may read after the last message was sent.
	upload bool
}

// RecvMsg implements [grpc.ClientStream].
func (s *watchedStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if err != nil {
		err = because(s.ctx, err)
		s.leave()
		s.cancel(nil)
	}
	return err
}

// SendMsg implements [grpc.ClientStream].
func (s *watchedStream) SendMsg(m any) error { return because(s.ctx, s.ClientStream.SendMsg(m)) }

// CloseSend implements [grpc.ClientStream].
func (s *watchedStream) CloseSend() error {
	if s.upload {
		s.leave()
	}
	return s.ClientStream.CloseSend()
}

// because returns the reason for which a call was given up here, in place of gRPC's own error.
func because(ctx context.Context, err error) error {
	if silent := (*NoAnswerError)(nil); err != nil && errors.As(context.Cause(ctx), &silent) {
		return silent
	}
	return err
}

func (w *watch) noAnswer(method string, after time.Duration) *NoAnswerError {
	service, name := path.Split(method)
	service = strings.Trim(service, "/")
	return &NoAnswerError{Address: w.address, Call: service[strings.LastIndexByte(service, '.')+1:] + "/" + name, Silent: after}
}

// attend cancels a call once containerd leaves another question unanswered. It returns when ctx ends.
func (w *watch) attend(ctx context.Context, method string, cancel context.CancelCauseFunc) {
	given := awaited(ctx)
	for w.pause(ctx, given) {
		if closed(given) && w.silent.Load() || !w.answers(ctx, given) {
			break
		}
	}
	if ctx.Err() != nil {
		return
	}
	silence := w.timeout
	if closed(given) {
		silence = min(silence, hurry)
		w.silent.Store(true)
	}
	cancel(w.noAnswer(method, silence))
}

// pause waits until the next question is due, and reports whether ctx still runs.
func (w *watch) pause(ctx context.Context, given <-chan struct{}) bool {
	length := min(w.timeout/2, probeInterval)
	if closed(given) {
		if w.silent.Load() {
			return ctx.Err() == nil
		}
		given, length = nil, hurry/10
	}
	select {
	case <-ctx.Done():
	case <-given:
	case <-time.After(length):
	}
	return ctx.Err() == nil
}

// answers reports whether containerd answers a question within the timeout, or within a second once given is closed. An
// error is an answer: the call itself reports a containerd that has ended.
func (w *watch) answers(ctx context.Context, given <-chan struct{}) bool {
	ctx, cancel := context.WithTimeout(unwatched(ctx), w.timeout)
	defer cancel()
	go func() {
		select {
		case <-ctx.Done():
			return
		case <-given:
		}
		select {
		case <-ctx.Done():
		case <-time.After(hurry):
			cancel()
		}
	}()
	_, err := versionapi.NewVersionClient(w.conn).Version(ctx, &emptypb.Empty{})
	code := grpcstatus.Code(err)
	return code != codes.DeadlineExceeded && code != codes.Canceled
}

// closed reports whether a channel, which may be nil, is closed.
func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

type unwatchedKey struct{}

// unwatched returns a context for calls that end with it and are not watched.
func unwatched(ctx context.Context) context.Context {
	return context.WithValue(ctx, unwatchedKey{}, true)
}

func isUnwatched(ctx context.Context) bool { return ctx.Value(unwatchedKey{}) != nil }

type awaitedKey struct{}

// Detached returns a context for work that must not be interrupted: it has the values of ctx, but continues after the end
// of ctx for as long as containerd answers. A containerd that is then silent for a second is given up, with
// [*NoAnswerError].
func Detached(ctx context.Context) context.Context {
	done := awaited(ctx)
	if done == nil {
		done = ctx.Done()
	}
	return context.WithValue(context.WithoutCancel(ctx), awaitedKey{}, done)
}

// awaited returns the channel that is closed when nobody waits any more for the work of a detached context, and nil for any
// other context.
func awaited(ctx context.Context) <-chan struct{} {
	done, _ := ctx.Value(awaitedKey{}).(<-chan struct{})
	return done
}
