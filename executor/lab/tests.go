package lab

import (
	"context"
	"fmt"
	"os"
)

// Mode returns the cgroup mode of the lab of [ReExec] in which this process runs, or the empty mode.
func Mode() CgroupMode { return CgroupMode(os.Getenv(envCgroup)) }

// Main is the TestMain of a package whose tests run in labs of the given modes, see [ReExec]; m is the *testing.M. It returns
// the exit code.
func Main(m interface{ Run() int }, modes ...CgroupMode) int {
	Init()
	if !Inside() {
		if code, done := ReExec(modes...); done {
			return code
		}
	}
	return m.Run()
}

// ReExec runs this program with the same arguments in a lab, once for each of the modes that this host supports, until one run
// fails, and returns the last exit code. [Main] does this for a TestMain without other work.
//
// Unsupported modes are skipped if the host supports another. Where no lab is possible ReExec prints the reason on standard
// error and returns done = false, so that an ordinary user can run the tests that need none; with CI=true in the environment
// that is a failure.
func ReExec(modes ...CgroupMode) (code int, done bool) {
	var why error
	for _, mode := range modes {
		if err := Check(Options{Cgroup: mode}); err != nil {
			why = err
			continue
		}
		if code, done = reExec(mode), true; code != 0 {
			return code, done
		}
	}
	switch {
	case done:
		return 0, true
	case os.Getenv("CI") == "true":
		fmt.Fprintf(os.Stderr, "FAIL: these tests need a lab: %v\n", why)
		return 1, true
	}
	fmt.Fprintf(os.Stderr, "the tests that need a lab are skipped: %v\n", why)
	return 0, false
}

func reExec(mode CgroupMode) int {
	exe, err := os.Executable()
	if err != nil {
		fmt.Fprintf(os.Stderr, "FAIL: find this program to run it in the lab: %v\n", err)
		return 1
	}
	fmt.Printf("in a lab with cgroup mode %s:\n", mode)
	code, err := Run(context.Background(), Options{
		Cgroup: mode, Command: append([]string{exe}, os.Args[1:]...), Env: append(os.Environ(), envCgroup+"="+string(mode)),
	})
	if err != nil {
		fmt.Fprintf(os.Stderr, "FAIL: %v\n", err)
		return max(code, 1)
	}
	return code
}
