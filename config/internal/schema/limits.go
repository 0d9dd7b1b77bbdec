package schema

import (
	"errors"
	"strconv"

	"github.com/kukeon/kuke/config/resource"
)

// validateSwap makes sure that a bound of swap has a limit of memory beside it that it goes with.
func validateSwap(r *resource.Resource, f *Spelling, diags *resource.Diagnostics) {
	limits := resource.ResourcesOf(r.Spec)
	err := limits.CheckSwap()
	if err == nil {
		return
	}
	const key = "resources.memorySwap"
	resources := resource.KindRealm.Attribute("resources") // every kind has the same
	memory := f.attribute(resource.FindAttribute(resources.Fields, "memory"))
	swap := f.attribute(resource.FindAttribute(resources.Fields, "memorySwap"))
	switch _, written := r.Ranges["resources.memory"]; {
	case errors.Is(err, resource.ErrSwapBelowMemory):
		diags.Errorf(r.RangeOf(key), r.Path, "Out of range", "resources.%s bounds memory and swap together: %s is less than the memory alone, %s. Set %[3]s for no swap, more for some, or -1 for any amount.",
			swap, shownBytes(limits.MemorySwap), shownBytes(limits.Memory))
	case !written: // else it isn't known yet, or wrong itself
		diags.Errorf(r.RangeOf(key), r.Path, "Missing "+f.field, "resources.%s bounds memory and swap together, and needs a limit of memory beside it. Set %s, or leave out %[1]s.", swap, memory)
	}
}

// validateReservation makes sure that no more memory is reserved than there may be.
func validateReservation(r *resource.Resource, f *Spelling, diags *resource.Diagnostics) {
	limits := resource.ResourcesOf(r.Spec)
	if limits.CheckReservation() == nil {
		return
	}
	a := resource.FindAttribute(resource.KindRealm.Attribute("resources").Fields, "memoryReservation")
	diags.Errorf(r.RangeOf("resources.memoryReservation"), r.Path, "Out of range", "resources.%s is %s, but the limit of memory is %s. Reserve at most as much, or raise the limit.",
		f.attribute(a), shownBytes(limits.MemoryReservation), shownBytes(limits.Memory))
}

// shownBytes spells a size as it can be written.
func shownBytes(n int64) string {
	if size := resource.FormatBytes(n); size != "" {
		return strconv.Quote(size)
	}
	return strconv.FormatInt(n, 10)
}
