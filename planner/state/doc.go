// Package state keeps one record for each resource that kuke has created.
//
// The tree of manifests below the run path (/opt/kukeon) is the record: main/realm.yaml,
// main/default/space.yaml, … A manifest is written, atomically and durably, as soon as its change is done,
// so the tree tells the truth after a crash at any moment. state.json beside it is an index of the tree and holds its
// lineage and serial; a lost or broken index is rebuilt from the tree. A file that can't be read counts as missing and
// affects only its own resource. The lock is a flock on .lock, which the kernel drops when its holder dies.
//
// Records come from the executor and are read by the planner. This package decides nothing and never talks
// to containerd or the kernel's cgroups.
package state
