//go:build vm

package vm_test

import "testing"

// doctor names the problems of the host, each with its fix, and nothing else.
func TestDoctor(t *testing.T) {
	s := begin(t)
	s.run(`
		# line NAME: its state and its finding; sick NAME TEXT: it is not ok, and says so.
		line() { kuke doctor 2>&1 | grep -A 1 -E "^[a-zA-Z]+ +$1 " || true; }
		sick() { local out; out=$(line "$1"); lacks "$out" 'ok  '; has "$out" "$2"; }
		well() { local out; out=$(line "$1" | head -n 1); has "$out" 'ok  '; }
		# all_well [BUT…]: every check but these is ok.
		all_well() {
		  local but; but=$(IFS='|'; echo "$*")
		  ! kuke doctor 2>&1 | grep -E '^(warn|FAIL)' | grep -vE "^[a-zA-Z]+ +(${but:-none}) " || fail 'see above'
		}
		kuke doctor
		all_well

		echo '== containerd is stopped'
		systemctl stop containerd
		sick containerd 'systemctl start containerd'
		lacks "$(line containerd)" 'apt-get install'
		well cgroups
		well limits
		systemctl start containerd
		all_well

		echo '== containerd hangs'
		kill -STOP $(systemctl show -P MainPID containerd)
		out=$(line containerd)
		kill -CONT $(systemctl show -P MainPID containerd)
		lacks "$out" 'ok  '
		lacks "$out" 'apt-get install'
		has "$out" 'answer'
		all_well

		echo '== no CNI plugins'
		mv /usr/lib/cni /usr/lib/cni.away
		sick cni containernetworking-plugins
		mv /usr/lib/cni.away /usr/lib/cni
		all_well

		echo '== no AppArmor parser'
		parser=$(realpath /sbin/apparmor_parser)
		mv $parser $parser.away
		sick confinement 'apt-get install apparmor'
		mv $parser.away $parser
		all_well

		echo '== FORWARD DROP'
		iptables -P FORWARD DROP
		sick forwarding FORWARD
		iptables -P FORWARD ACCEPT
		all_well

		echo '== no controllers'
		mkdir -p /sys/fs/cgroup/outer/inner
		out=$(kuke doctor --cgroup-root /sys/fs/cgroup/outer/inner || true)
		has "$(grep -E ' limits ' <<<"$out")" "can't be set: memory"
		lacks "$(grep -E ' limits ' <<<"$out")" 'ok  '
		rmdir /sys/fs/cgroup/outer/inner /sys/fs/cgroup/outer
		all_well`)
}
