//go:build vm

package vm_test

import (
	"fmt"
	"strings"
	"testing"
)

// Power cuts in the middle of commands: after the next boot one apply brings everything back, and nothing is lost or left.
func TestPowerCuts(t *testing.T) {
	s := begin(t)
	s.run(`
		mkdir -p shop /srv/data && cp /mnt/test/shop.hcl shop/main.hcl && cd shop
		kuke apply --auto-approve
		empty_plan
		inventory > /root/undisturbed
		kuke destroy --auto-approve --images
		import
		sync`)
	const apply = `kuke apply --auto-approve --var color=`
	for i, cut := range []struct {
		command string
		changes int // how many files of the state have changed when the power goes
	}{
		{apply + "red", 1}, {apply + "red", 4}, {apply + "red", 7},
		{apply + "blue", 1}, {apply + "green", 3}, {apply + "white", 5},
		{`kuke destroy --auto-approve --images`, 1}, {`kuke destroy --auto-approve`, 4}, {`kuke destroy --auto-approve`, 7},
		{`kuke state mv main/s/t/web/app main/s/t/web/moved`, 1},
		{`kuke stop realm main`, 1},
	} {
		color := "red"
		if name, ok := strings.CutPrefix(cut.command, apply); ok {
			color = name
		}
		s.Logf("power cut %d: %s, after %d changes", i, cut.command, cut.changes)
		s.run(fmt.Sprintf(`
			cd shop
			files() { { find /opt/kukeon -name '*.yaml' -printf '%%p %%T@ %%i\n' 2>/dev/null || true; } | sort; }
			files > /tmp/before
			setsid %s > /tmp/output 2>&1 < /dev/null &
			command=$!
			while kill -0 $command 2>/dev/null; do
			  files > /tmp/now
			  n=$(comm -3 /tmp/before /tmp/now | awk '{ print $1 }' | sort -u | wc -l)
			  ((n < %d)) || break
			done
			tail -n 3 /tmp/output`, cut.command, cut.changes))
		s.cut()
		s.run(fmt.Sprintf(`
			cd shop
			find /opt/kukeon -name '*.yaml' -size 0 | grep . && fail 'records are empty'
			ctr -n kukeon-main images ls -q | grep -q . || import
			if kuke state list | grep -qx main/s/t/web/moved; then
			  kuke state mv main/s/t/web/moved main/s/t/web/app
			fi
			kuke apply --auto-approve --start --var color=%[1]s
			empty_plan --var color=%[1]s
			inventory > /tmp/now
			diff /root/undisturbed /tmp/now
			for id in s_t_web_app s_t_web_side s_t_db_db; do
			  kill -0 $(pid $id) || fail "container $id does not run"
			done
			same "$(kuke exec main/s/t/web/app env | grep COLOR)" COLOR=%[1]s
			same "$(cat /srv/data/db)" kept
			same "$(systemctl --failed --no-legend)" ''`, color))
	}
	s.run(`
		kuke destroy --auto-approve --images
		same "$(inventory)" $'veths 0\nshims 0'`)
}
