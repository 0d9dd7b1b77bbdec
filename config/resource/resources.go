package resource

import "errors"

// Errors of [Resources.CheckSwap].
var (
	ErrSwapWithoutMemory = errors.New("a bound of memory and swap together needs a limit of memory beside it")
	ErrSwapBelowMemory   = errors.New("memory and swap together can't be less than the memory alone")
)

// CheckSwap makes sure that the bound of memory and swap together goes with the limit of memory.
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

// Swap returns how much swap, in bytes, r leaves beside its memory, or [Unlimited]. Where r limits memory alone, swap is as
// large as memory.
func (r *Resources) Swap() int64 {
	switch {
	case r.MemorySwap == Unlimited || r.Memory == 0 && r.MemorySwap == 0:
		return Unlimited
	case r.MemorySwap == 0:
		return r.Memory
	}
	return max(0, r.MemorySwap-r.Memory)
}

// Written returns limits that are in force as a configuration would have them that sets them. asked are those that were
// asked for: a bound of swap that is neither among them nor the default is written out.
func (r Resources) Written(asked *Resources) *Resources {
	byDefault := r
	byDefault.MemorySwap = 0
	switch {
	case r.Memory == 0, // a bound of swap alone can't be asked for
		r.MemorySwap != asked.MemorySwap && r.Swap() == byDefault.Swap():
		return &byDefault
	}
	return &r
}
