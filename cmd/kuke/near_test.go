package main

import (
	"slices"
	"testing"
)

func TestNear(t *testing.T) {
	words := []string{"network", "secrets", "plan", "state"}
	for name, want := range map[string][]string{
		"netwrk": {"network"}, "secret": {"secrets"}, "plna": {"plan"}, "plam": {"plan"}, "Stat": {"state"}, "xyz": nil, "ne": {"network"}, "": nil, "n": nil,
	} {
		if got := near(name, words); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
