package main

import (
	"fmt"
	"net/http"
	"os"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kukeon/kuke/executor/lab/registry"
)

// registryKey is the key of the place for a script's registry among its values.
type registryKey struct{}

// flakyRegistry is the command: flaky start, which sets REGISTRY; flaky push NAME ARCHITECTURE SIZE ..., for an image of the
// root file system and layers of random bytes; flaky break REPOSITORY stall|cut|status TIMES AFTER; or flaky asked COUNT, for
// the number of requests for layers since the last call.
func flakyRegistry(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: flaky start|push|break|asked")
	}
	place := ts.Value(registryKey{}).(**registry.Server)
	server := *place
	switch args[0] {
	case "start":
		server = registry.Start()
		*place = server
		ts.Defer(server.Close)
		ts.Setenv("REGISTRY", server.Host())
	case "push":
		data, err := os.ReadFile(rootfs)
		ts.Check(err)
		_, err = server.Push(args[1], args[2], data, numbers(ts, args[3:])...)
		ts.Check(err)
	case "break":
		n := numbers(ts, args[3:])
		fault := registry.Fault{Times: n[0], After: int64(n[1]), Stall: args[2] == "stall"}
		if args[2] == "status" {
			fault.Status = http.StatusServiceUnavailable
		}
		server.Break(args[1], fault)
	case "asked":
		if requests, _ := server.Requests(); fmt.Sprint(len(requests)) != args[1] {
			ts.Fatalf("%d requests for layers, want %s: %v", len(requests), args[1], requests)
		}
	}
}

func numbers(ts *testscript.TestScript, args []string) []int {
	var all []int
	for _, arg := range args {
		n, err := strconv.Atoi(arg)
		ts.Check(err)
		all = append(all, n)
	}
	return all
}
