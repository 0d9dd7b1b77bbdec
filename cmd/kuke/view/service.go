package view

import (
	"github.com/kukeon/kuke/cmd/kuke/service"
)

// InstalledUnits prints which unit files were written.
func (v *View) InstalledUnits(files []service.File) {
	for _, f := range files {
		did := "wrote"
		if !f.Changed {
			did = "unchanged:"
		}
		v.printf("%s %s\n", did, f.Path)
	}
}

// UnitsEnabled says when the enabled units run.
func (v *View) UnitsEnabled(names service.UnitNames, started bool) {
	if started {
		v.printf("\n%s\n", v.ink.green("Enabled and started. %s has applied the configuration and applies it again at each boot.", names.Main))
		return
	}
	v.printf("\n%s To apply it now and to start looking for drift: systemctl start %s %s\n",
		v.ink.green("Enabled. %s applies the configuration at each boot.", names.Main), names.Main, names.Timer)
}

// RemovedUnits prints which unit files were deleted.
func (v *View) RemovedUnits(files []string) {
	for _, path := range files {
		v.printf("removed %s\n", path)
	}
	if len(files) > 0 {
		v.printf("\n%s They do not start at the next boot. To stop them now: kuke shutdown\n", v.ink.green("Containers keep running."))
	}
}

// Units prints a table of installed units, and the command that shows the journal of failed ones.
func (v *View) Units(units []service.Status) {
	if len(units) == 0 {
		v.printf("No units are installed. To install them: kuke service install\n")
		return
	}
	v.columns([]string{"UNIT", "ENABLED", "STATE", "LAST RUN", "NEXT"}, func(add func(...string)) {
		for _, u := range units {
			add(u.Unit, orDash(u.Enabled), u.State, orDash(u.Result), orDash(u.Next))
		}
	})
	for _, u := range units {
		if u.Failed {
			v.printf("\n%s journalctl -u %s\n", v.ink.red("%s has failed:", u.Unit), u.Unit)
		}
	}
}
