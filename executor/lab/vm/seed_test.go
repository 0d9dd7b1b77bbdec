//go:build vm

package vm_test

import "testing"

// The cell of the documentation, on a host as Debian ships it.
func TestSeed(t *testing.T) {
	s := begin(t)
	s.run(`
		has "$(kuke doctor)" 'AppArmor confines containers'
		mkdir -p /srv/html && echo hello > /srv/html/index.html
		kuke apply --auto-approve -f /mnt/test/seed.yaml
		empty_plan -f /mnt/test/seed.yaml
		address=$(kuke get cell main/default/default/hello-world -o json | grep -o '10\.88\.[0-9.]*' | head -n 1)
		same "$(timeout 60 busybox wget -q -O - "http://$address/")" hello
		same "$(cat /proc/$(pid default_default_hello-world_web)/attr/current)" 'kukeon-default (enforce)'
		same "$(cat /proc/$(pid default_default_hello-world_side)/oom_score_adj)" 0
		has "$(cat /proc/$(pid default_default_hello-world_web)/cgroup)" /kukeon/main/default/default/hello-world/web_root
		has "$(kuke exec main/default/default/hello-world/side cat /proc/self/attr/current)" 'kukeon-default (enforce)'
		kuke destroy --auto-approve --images
		same "$(inventory)" $'veths 0\nshims 0'`)
	limits(s)
}

// limits of each kind on each level are set, changed with the same process, and repaired.
func limits(s *story) {
	s.run(`
		import
		mkdir limits && cp /mnt/test/limits.hcl limits/main.hcl && cd limits
		kuke apply --auto-approve
		empty_plan
		same "$(cgroup main memory.max) $(cgroup main cpu.max) $(cgroup main cpu.weight) $(cgroup main pids.max)" '268435456 150000 100000 200 200'
		same "$(cgroup main/s memory.max) $(cgroup main/s cpu.max) $(cgroup main/s pids.max)" '268435456 125000 100000 200'
		same "$(cgroup main/s/t memory.max) $(cgroup main/s/t cpu.weight) $(cgroup main/s/t pids.max)" '268435456 50 200'
		same "$(cgroup main/s/t/c memory.max) $(cgroup main/s/t/c cpu.max) $(cgroup main/s/t/c pids.max)" '268435456 100000 100000 200'
		leaf=main/s/t/c/web_root
		same "$(cgroup $leaf memory.max) $(cgroup $leaf cpu.max) $(cgroup $leaf cpu.weight) $(cgroup $leaf pids.max)" '67108864 50000 100000 80 200'
		same "$(cgroup main memory.swap.max) $(cgroup main/s/t/c memory.swap.max) $(cgroup $leaf memory.swap.max)" '268435456 268435456 67108864'
		before=$(tasks)
		kuke apply --auto-approve --var memory=300MiB --var pids=150
		empty_plan --var memory=300MiB --var pids=150
		same "$(cgroup main/s/t/c memory.max) $(cgroup $leaf pids.max)" '314572800 150'
		echo max > /sys/fs/cgroup/kukeon/main/s/memory.max
		echo max > /sys/fs/cgroup/kukeon/main/memory.swap.max
		echo 99 > /sys/fs/cgroup/kukeon/$leaf/pids.max
		out=$(kuke plan --var memory=300MiB --var pids=150)
		has "$out" 'container main/s/t/c/web'
		has "$out" 'space main/s'
		has "$out" 'realm main'
		kuke apply --auto-approve --var memory=300MiB --var pids=150
		empty_plan --var memory=300MiB --var pids=150
		same "$(cgroup main/s memory.max) $(cgroup main memory.swap.max) $(cgroup $leaf pids.max)" '314572800 314572800 150'
		same "$(tasks)" "$before"
		kuke destroy --auto-approve`)
	s.run(`
		mkdir oom && cp /mnt/test/oom.hcl oom/main.hcl && cd oom
		kuke apply --auto-approve || true # it may be killed before the apply has looked whether it runs
		told() { kuke get container main/s/t/hog/hog | grep -F 'killed by the kernel: memory limit 16 MiB'; }
		eventually told
		has "$(kuke plan)" 'it was killed by the kernel: memory limit 16 MiB (exit code 137)'
		has "$(kuke logs main/s/t/hog/hog 2>&1)" 'killed by the kernel: memory limit 16 MiB'
		kuke destroy --auto-approve --images
		same "$(inventory)" $'veths 0\nshims 0'`)
}
