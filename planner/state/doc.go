// Package state keeps what kuke has made: one record for each resource.
//
// The tree of manifests below the run path (/opt/kukeon) is the record: main/realm.yaml,
// main/default/space.yaml, … A manifest is written, atomically and durably, as soon as its change is done,
// so the tree tells the truth after a crash at any moment. state.json beside it is an index of the tree and
// holds its lineage and serial; lost or broken, it is built again from the tree. A file that can't be read counts as missing
// and affects nothing but what it is about. The lock is a flock on .lock, which the kernel drops when its holder dies.
//
// Records come from the executor and are read by the planner. This package decides nothing and never talks
// to containerd or the kernel's cgroups.
package state
