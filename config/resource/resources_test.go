package resource

import (
	"errors"
	"testing"
)

func TestSwap(t *testing.T) {
	for _, tc := range []struct {
		r    Resources
		err  error
		swap int64
	}{
		{Resources{}, nil, Unlimited},
		{Resources{Memory: 5}, nil, 5},
		{Resources{Memory: 5, MemorySwap: 5}, nil, 0},
		{Resources{Memory: 5, MemorySwap: 12}, nil, 7},
		{Resources{Memory: 5, MemorySwap: Unlimited}, nil, Unlimited},
		{Resources{Memory: 5, MemorySwap: 4}, ErrSwapBelowMemory, 0},
		{Resources{MemorySwap: 4}, ErrSwapWithoutMemory, 4},
		{Resources{MemorySwap: Unlimited}, ErrSwapWithoutMemory, Unlimited},
	} {
		if err := tc.r.CheckSwap(); !errors.Is(err, tc.err) {
			t.Errorf("%+v: %v", tc.r, err)
		}
		if got := tc.r.Swap(); got != tc.swap {
			t.Errorf("%+v leaves %d of swap, want %d", tc.r, got, tc.swap)
		}
	}
}

// Limits that are in force are written as whoever sets them would write them.
func TestWritten(t *testing.T) {
	for _, tc := range []struct{ inForce, asked, want Resources }{
		{Resources{Memory: 5, MemorySwap: 10, PIDs: 3}, Resources{Memory: 5}, Resources{Memory: 5, PIDs: 3}},
		{Resources{Memory: 5, MemorySwap: 10}, Resources{Memory: 5, MemorySwap: 10}, Resources{Memory: 5, MemorySwap: 10}},
		{Resources{Memory: 5, MemorySwap: 7}, Resources{Memory: 5}, Resources{Memory: 5, MemorySwap: 7}},
		{Resources{Memory: 5, MemorySwap: Unlimited}, Resources{}, Resources{Memory: 5, MemorySwap: Unlimited}},
		{Resources{MemorySwap: 7, PIDs: 1}, Resources{}, Resources{PIDs: 1}},
		{Resources{Memory: 5}, Resources{Memory: 5, MemorySwap: 10}, Resources{Memory: 5}},
	} {
		if got := tc.inForce.Written(&tc.asked); *got != tc.want {
			t.Errorf("%+v, asked for %+v: %+v, want %+v", tc.inForce, tc.asked, *got, tc.want)
		}
	}
}
