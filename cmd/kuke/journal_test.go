package main

import (
	"net"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kukeon/kuke/config/resource"
)

// startJournal takes the entries for the journal of the host until the end of the script, and appends them to a file.
func startJournal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: journal FILE")
	}
	dir := filepath.Dir(resource.JournalSocket)
	ts.Check(os.MkdirAll(dir, 0o755))
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: resource.JournalSocket, Net: "unixgram"})
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 64<<10)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			_, _ = f.Write(append(buf[:n:n], '\n'))
		}
	}()
	ts.Defer(func() {
		_ = conn.Close()
		<-ended
		_ = f.Close()
		_ = os.RemoveAll(filepath.Dir(dir))
	})
}
