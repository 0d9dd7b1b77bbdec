//go:build vm

package vm_test

import "testing"

// Ports, names and isolation, while services of the host are restarted under running cells.
func TestNetwork(t *testing.T) {
	s := begin(t)
	check := `
		eventually . /mnt/test/outside.sh
		. /mnt/test/outside.sh
		cd /root/net
		db=$(kuke get cell main/back/t/db -o json | grep -o '10\.88\.[0-9]*\.[0-9]*' | grep -v '\.[01]$' | head -n 1)
		check() {
		  from_outside || fail 'the published port is dead'
		  same "$(reaches front/t/peer http://web/)" hello
		  same "$(reaches front/t/peer http://192.0.2.2/)" outside
		  cut_off front/t/peer "$db" 5432 || fail 'a cell of another space is reached'
		  cut_off back/t/db 192.0.2.2 80 || fail 'egress is not denied'
		}
`
	s.run(`
		mkdir net && cp /mnt/test/network.hcl net/main.hcl && cd net
		kuke apply --auto-approve
		empty_plan` + check + `
		check`)
	s.run(check + `
		kuke pause container main/front/t/peer/app
		has "$(kuke get container main/front/t/peer/app)" Paused
		empty_plan
		kuke unpause container main/front/t/peer/app
		has "$(kuke get container main/front/t/peer/app)" Ready
		has "$(kuke top --once --containers)" main/front/t/peer/app
		kuke stop cell main/front/t/peer
		empty_plan
		has "$(kuke get container main/front/t/peer/app)" Stopped
		kuke start cell main/front/t/peer
		same "$(reaches front/t/peer http://web/)" hello
		before=$(pid front_t_web_app)
		kill -9 $before
		again() { local now=$(pid front_t_web_app); [[ -n $now && $now != "$before" ]]; }
		eventually again
		eventually from_outside
		empty_plan`)
	s.run(check + `
		before=$(pid front_t_peer_app)
		systemctl restart containerd
		same "$(pid front_t_peer_app)" "$before"
		empty_plan
		systemctl daemon-reload
		systemctl restart systemd-networkd
		eventually ip route get 192.0.2.2
		same "$(pid front_t_peer_app)" "$before"
		empty_plan
		check`)
	s.run(check + `
		before=$(pid front_t_peer_app)
		systemctl restart nftables
		status=0; out=$(kuke plan --detailed-exitcode) || status=$?
		same $status 2
		has "$out" 'space main/front'
		kuke apply --auto-approve
		empty_plan
		check
		same "$(pid front_t_peer_app)" "$before"
		kuke destroy --auto-approve --images
		same "$(inventory)" $'veths 0\nshims 0'`)
}
