package resource

import "errors"

// Errors of [Resources.CheckSwap].
var (
	ErrSwapWithoutMemory = errors.New("a limit of memory and swap together requires a limit of memory")
	ErrSwapBelowMemory   = errors.New("memory and swap together can't be less than the memory alone")
)

// CheckSwap checks the limit of memory and swap together against the limit of memory.
func (r *Resources) CheckSwap() error {
	switch {
	case r.MemorySwap == 0:
		return nil
	case r.Memory == 0:
		return ErrSwapWithoutMemory
	case r.MemorySwap != Unlimited && r.MemorySwap < r.Memory:
		return ErrSwapBelowMemory
	}
	return nil
}

// Swap returns the limit of swap in bytes, or [Unlimited]. Where r limits memory alone, the limit of swap equals it.
func (r *Resources) Swap() int64 {
	switch {
	case r.MemorySwap == Unlimited || r.Memory == 0 && r.MemorySwap == 0:
		return Unlimited
	case r.MemorySwap == 0:
		return r.Memory
	}
	return max(0, r.MemorySwap-r.Memory)
}

// Written returns limits in force in the form of a configuration that sets them. asked are the limits of the present
// configuration: a limit of swap that is neither among them nor the default is written out.
func (r Resources) Written(asked *Resources) *Resources {
	byDefault := r
	byDefault.MemorySwap = 0
	switch {
	case r.Memory == 0, // a limit of swap alone can't be configured
		r.MemorySwap != asked.MemorySwap && r.Swap() == byDefault.Swap():
		return &byDefault
	}
	return &r
}
