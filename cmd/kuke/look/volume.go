package look

import (
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Volumes adds to the volumes among live where their data is, its size, and the recorded containers that mount them.
func Volumes(store *state.Store, st *state.State, live []plan.Live) {
	users := map[resource.Path][]resource.Path{}
	for _, p := range st.Paths() {
		for _, v := range resource.VolumesOf(st.Records[p].Spec) {
			users[v] = append(users[v], p)
		}
	}
	for i := range live {
		if p := live[i].Record.Path; p.IsVolume() {
			live[i].Volume = executor.VolumeUse(store, live[i].Record)
			live[i].Volume.MountedBy = append(live[i].Volume.MountedBy, slices.Clone(users[p])...)
		}
	}
}
