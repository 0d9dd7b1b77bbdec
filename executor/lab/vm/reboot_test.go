//go:build vm

package vm_test

import "testing"

// Reboots with the units that kuke service install writes: an orderly shutdown, and everything back without a hand.
func TestReboot(t *testing.T) {
	s := begin(t)
	s.run(`
		mkdir -p /etc/kukeon /var/log/journal
		systemctl restart systemd-journald
		cp /mnt/test/reboot.hcl /etc/kukeon/main.hcl
		kuke service install -f /etc/kukeon --now
		systemd-analyze verify /etc/systemd/system/kuke*
		cd /etc/kukeon
		empty_plan
		kuke stop container main/s/t/web/held
		kuke pause container main/s/t/web/frozen
		empty_plan
		kuke service status
		same "$(grep -c migrated /opt/kukeon/main/s/t/volumes/data/_data/log)" 1
		addresses > /root/addresses
		sync`)
	for range 2 {
		s.reboot()
		s.run(`
			eventually systemctl is-active kuke.service
			cd /etc/kukeon
			cat /opt/kukeon/main/s/t/volumes/data/_data/log
			empty_plan
			same "$(systemctl --failed --no-legend)" ''
			same "$(addresses)" "$(cat /root/addresses)"
			for id in s_t_db_db s_t_web_app s_t_web_frozen; do
			  same "$(cat /proc/$(pid $id)/attr/current)" 'kukeon-default (enforce)'
			done
			same "$(pid s_t_web_held)" ''
			has "$(kuke get container main/s/t/web/held)" Stopped
			same "$(grep -c migrated /opt/kukeon/main/s/t/volumes/data/_data/log)" 1
			same "$(tail -n 4 /opt/kukeon/main/s/t/volumes/data/_data/log | xargs)" 'web ended db ended db began web began'
			stops=$(journalctl -b -1 -o cat | grep -oE '^Stopped (kuke|containerd|systemd-networkd)\.service' | xargs)
			has "$stops" 'Stopped kuke.service Stopped containerd.service'
			has "$stops" 'Stopped systemd-networkd.service'
			lacks "${stops%%Stopped kuke.service*}" systemd-networkd
			kuke doctor`)
	}
	s.run(`
		eventually . /mnt/test/outside.sh
		. /mnt/test/outside.sh
		# containerd 1.6 replaces a task under a restart policy when its shim is slow to answer: one without stays.
		before=$(pid s_t_web_frozen)
		from_outside
		systemctl restart nftables
		eventually from_outside
		cd /etc/kukeon
		eventually kuke plan --detailed-exitcode
		same "$(pid s_t_web_frozen)" "$before"
		kuke service remove
		same "$(pid s_t_web_frozen)" "$before"
		kill -0 $(pid s_t_db_db) $(pid s_t_web_app)
		same "$(ls /etc/systemd/system | grep kuke- | grep -v kuke-agent || true)" ''`)
}
