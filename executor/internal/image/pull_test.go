package image_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/leases"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/image"
	"github.com/kukeon/kuke/executor/internal/labhost"
	"github.com/kukeon/kuke/executor/lab/registry"
)

const (
	// stall is the time without a byte in these tests.
	stall = 300 * time.Millisecond
	// layerSize is the size of a layer in these tests: several reads of containerd.
	layerSize = 3 << 20
)

func nobody(image.Progress) {}

func startRegistry(t *testing.T) *registry.Server {
	t.Helper()
	server := registry.Start()
	t.Cleanup(server.Close)
	return server
}

// push gives an image of layers of the given sizes the name.
func push(t *testing.T, server *registry.Server, name string, sizes ...int) (ref string) {
	t.Helper()
	if _, err := server.Push(name, runtime.GOARCH, nil, sizes...); err != nil {
		t.Fatal(err)
	}
	return server.Host() + "/" + name
}

// left lists the leases and the ingests of the namespace.
func left(t *testing.T, h *labhost.Host) (held []leases.Lease, ingests []string) {
	t.Helper()
	ctx := client.In(h.Ctx, h.NS)
	held, err := h.Client.Containerd.LeasesService().List(ctx)
	h.Must(err)
	statuses, err := h.Client.Containerd.ContentStore().ListStatuses(ctx)
	h.Must(err)
	for _, s := range statuses {
		ingests = append(ingests, s.Ref)
	}
	return held, ingests
}

// nothingLeft waits until no lease and no ingest is left: containerd ends some after a moment.
func nothingLeft(t *testing.T, h *labhost.Host) {
	t.Helper()
	var held []leases.Lease
	var ingests []string
	for range 100 {
		if held, ingests = left(t, h); len(held)+len(ingests) == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("left: leases %v, ingests %v", held, ingests)
}

// A pull goes on after its connections have stalled or broken.
func TestPullResumes(t *testing.T) {
	h := labhost.NewHost(t)
	for name, fault := range map[string]registry.Fault{
		"stalled":          {Times: 2, After: 1 << 20, Stall: true},
		"stalled-at-once":  {Times: 2, Stall: true},
		"cut":              {Times: 6, After: 300 << 10},
		"busy":             {Times: 2, Status: http.StatusServiceUnavailable},
		"cut-no-range":     {Times: 2, After: 1 << 20, NoRange: true},
		"stalled-no-range": {Times: 2, After: 2 << 20, Stall: true, NoRange: true},
	} {
		t.Run(name, func(t *testing.T) {
			server := startRegistry(t)
			ref := push(t, server, name+":1", layerSize)
			server.Break(name, fault)
			var last image.Progress
			_, err := image.NewPuller(h.Client, stall).Pull(h.Ctx, nil, h.NS, ref, func(p image.Progress) { last = p })
			h.Must(err)
			requests, _ := server.Requests()
			t.Logf("%d requests: %v", len(requests), requests)
			resumed := slices.ContainsFunc(requests, func(r registry.Request) bool { return r.Range != "" && r.Range != "bytes=0-" })
			if fault.After > 0 && !resumed {
				t.Error("no request continues in the middle")
			}
			if last.Bytes != last.Total || last.Total < layerSize || len(last.Layers) != 1 || last.Layers[0].State != image.LayerDone {
				t.Errorf("progress %+v", last)
			}
			nothingLeft(t, h)
		})
	}
}

// A pull from a registry that is stalled for good is given up, and a later one goes on from there.
func TestPullGivenUp(t *testing.T) {
	h := labhost.NewHost(t)
	server := startRegistry(t)
	ref := push(t, server, "stalled:1", 1<<20, layerSize)
	server.Break("stalled", registry.Fault{Times: 1000, After: 2 << 20, Stall: true})
	puller := image.NewPuller(h.Client, stall)
	begin := time.Now()
	_, err := puller.Pull(h.Ctx, nil, h.NS, ref, func(p image.Progress) {
		if p.Bytes > 3<<20 {
			server.Break("stalled", registry.Fault{Times: 1000, Stall: true})
		}
	})
	t.Logf("after %s: %v", time.Since(begin), err)
	given := new(image.IncompleteError)
	if !errors.As(err, &given) || given.Arrived < 1<<20 || !strings.Contains(err.Error(), "of 3.1") {
		t.Fatalf("error %v", err)
	}
	held, ingests := left(t, h)
	if len(held) != 1 || held[0].Labels["kukeon.io/partial-image"] != ref || held[0].Labels["containerd.io/gc.expire"] == "" || len(ingests) != 1 {
		t.Errorf("left: leases %v, ingests %v", held, ingests)
	}
	server.Break("stalled", registry.Fault{})
	server.Requests()
	_, err = puller.Pull(h.Ctx, nil, h.NS, ref, nobody)
	h.Must(err)
	requests, _ := server.Requests()
	if len(requests) != 1 || !strings.HasPrefix(requests[0].Range, "bytes=2") {
		t.Errorf("requests %v: the small layer was there, and a part of the large one", requests)
	}
	nothingLeft(t, h)
}

// What says that another try would be in vain ends a pull at once, and nothing stays.
func TestPullFails(t *testing.T) {
	h := labhost.NewHost(t)
	server := startRegistry(t)
	ref := push(t, server, "gone:1", layerSize)
	server.Break("gone", registry.Fault{Times: 1000, Status: http.StatusForbidden})
	_, err := image.NewPuller(h.Client, stall).Pull(h.Ctx, nil, h.NS, ref, nobody)
	t.Log(err)
	if requests, _ := server.Requests(); err == nil || len(requests) != 1 {
		t.Errorf("%d requests, error %v", len(requests), err)
	}
	nothingLeft(t, h)
}

// A pull ends with its context, also while the connection is stalled, and nothing stays.
func TestPullCanceled(t *testing.T) {
	h := labhost.NewHost(t)
	server := startRegistry(t)
	ref := push(t, server, "stalled:1", layerSize)
	server.Break("stalled", registry.Fault{Times: 1000, After: 1 << 20, Stall: true})
	ctx, cancel := context.WithCancel(h.Ctx)
	defer cancel()
	var canceled time.Time
	_, err := image.NewPuller(h.Client, image.DefaultStall).Pull(ctx, nil, h.NS, ref, func(p image.Progress) {
		if p.Bytes > 0 && canceled.IsZero() {
			canceled = time.Now()
			cancel()
		}
	})
	if took := time.Since(canceled); !errors.Is(err, context.Canceled) || took > 5*time.Second {
		t.Errorf("after %s: %v", took, err)
	}
	nothingLeft(t, h)
}

// A blob is fetched once at a time, whichever images and namespaces need it, and not all at once.
func TestPullTogether(t *testing.T) {
	h := labhost.NewHost(t)
	server := startRegistry(t)
	first := push(t, server, "team/first:1", layerSize, layerSize, layerSize, layerSize, layerSize)
	second, err := server.Push("team/second:1", runtime.GOARCH, nil, layerSize)
	h.Must(err)
	h.Must(server.Put("other/second:1", second))
	puller := image.NewPuller(h.Client, stall)
	ctx := client.In(h.Ctx, h.NS+"-other")
	h.Must(h.Client.Containerd.NamespaceService().Create(ctx, h.NS+"-other", nil))
	var wg sync.WaitGroup
	pull := func(ns, ref string) {
		wg.Go(func() {
			if _, err := puller.Pull(h.Ctx, nil, ns, ref, nobody); err != nil {
				t.Error(err)
			}
		})
	}
	pull(h.NS, first)
	for _, ref := range []string{"/team/second:1", "/other/second:1"} {
		pull(h.NS, server.Host()+ref)
		pull(h.NS+"-other", server.Host()+ref)
	}
	wg.Wait()
	requests, atOnce := server.Requests()
	if len(requests) != 6 {
		t.Errorf("%d requests for 6 layers: %v", len(requests), requests)
	}
	if atOnce > 4 {
		t.Errorf("%d layers at once: 3 of the first image, and one of the second one", atOnce)
	}
	for _, ref := range []string{"/team/second:1", "/other/second:1"} {
		h.Must(h.Client.Containerd.ImageService().Delete(ctx, server.Host()+ref, images.SynchronousDelete()))
	}
	h.Must(h.Client.Containerd.NamespaceService().Delete(ctx, h.NS+"-other"))
}
