package network

import (
	"os/exec"
	"strings"
	"testing"
)

func TestFilterDecides(t *testing.T) {
	const bridge = "kuke-main-web"
	tests := []struct {
		name  string
		text  string
		drops bool
	}{
		{"accepts by default", ":FORWARD ACCEPT [0:0]", false},
		{"drops by default", ":FORWARD DROP [0:0]", true},
		{"rejects at the end", ":FORWARD ACCEPT [0:0]\n-A FORWARD -i eth0 -j ACCEPT\n-A FORWARD -j REJECT --reject-with icmp-host-prohibited", true},
		{"drops in a chain", ":FORWARD ACCEPT [0:0]\n-A FORWARD -j mine\n-A mine -m comment --comment \"the end\" -j DROP", true},
		{"drops after a return", ":FORWARD DROP [0:0]\n-A FORWARD -j mine\n-A mine -j RETURN\n-A mine -j ACCEPT", true},
		{"drops other packets", ":FORWARD ACCEPT [0:0]\n-A FORWARD -i docker0 -j DROP\n-A FORWARD -p tcp -j DROP\n-A FORWARD ! -i kuke-+ -j DROP\n-A FORWARD -j LOG --log-prefix x", false},
		{"accepts one direction", ":FORWARD DROP [0:0]\n-A FORWARD -i kuke-+ -j ACCEPT", true},
		{"accepts some of the packets", ":FORWARD DROP [0:0]\n-A FORWARD -i kuke-+ -o eth0 -j ACCEPT\n-A FORWARD -o kuke-+ -m conntrack --ctstate ESTABLISHED -j ACCEPT", true},
		{"accepts by rules of the user", ":FORWARD DROP [0:0]\n-A FORWARD -o kuke-+ -j ACCEPT\n-A FORWARD -i kuke-+ -j ACCEPT", false},
		{"accepts one bridge", ":FORWARD DROP [0:0]\n-A FORWARD -o kuke-main-web -j ACCEPT\n-A FORWARD -i kuke-main-web -g mine\n-A mine -j ACCEPT", false},
		{"accepts another bridge", ":FORWARD DROP [0:0]\n-A FORWARD -o kuke-main-db -j ACCEPT\n-A FORWARD -i kuke-main-db -j ACCEPT", true},
		{"accepts by rules of kuke", ":FORWARD DROP [0:0]\n:KUKEON-FORWARD - [0:0]\n-A FORWARD -j DOCKER-USER\n-A FORWARD -j KUKEON-FORWARD\n-A FORWARD -j DROP\n" +
			"-A KUKEON-FORWARD " + strings.Join(acceptRules, "\n-A KUKEON-FORWARD "), false},
		{"drops before the rules of kuke", ":FORWARD ACCEPT [0:0]\n-A FORWARD -j DROP\n-A FORWARD -j KUKEON-FORWARD\n" +
			"-A KUKEON-FORWARD " + strings.Join(acceptRules, "\n-A KUKEON-FORWARD "), true},
		{"leads in a circle", ":FORWARD DROP [0:0]\n-A FORWARD -j mine\n-A mine -j mine", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := parseFilter("*filter\n:INPUT ACCEPT [0:0]\n" + tt.text + "\nCOMMIT\n")
			if f == nil {
				t.Fatal("it has no chain FORWARD")
			}
			if got := f.drops(bridge); got != tt.drops {
				t.Errorf("drops: %v, want %v", got, tt.drops)
			}
		})
	}
	if f := parseFilter("*filter\n:INPUT DROP [0:0]\nCOMMIT\n"); f != nil {
		t.Errorf("a table without the chain is %+v", f)
	}
}

// run runs a program that has to succeed and returns its output.
func run(t testing.TB, program string, args ...string) string {
	t.Helper()
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestForwardPolicyDrop(t *testing.T) {
	for _, iptables := range []string{"iptables-nft", "iptables-legacy"} {
		t.Run(iptables, func(t *testing.T) {
			h := newHost(t)
			if _, err := findProgram(iptables); err != nil {
				t.Skip(err)
			}
			out := outside(t)
			run(t, iptables, "-P", "FORWARD", "DROP")
			t.Cleanup(func() {
				run(t, iptables, "-F", "FORWARD")
				run(t, iptables, "-P", "FORWARD", "ACCEPT")
			})
			one, two := numbered(1), numbered(2)
			wantDropping(t, []string{one.Bridge, two.Bridge}, one, two)
			create(t, h, one)
			wantDropping(t, nil, one, two)
			a := cell(t, h, one, 2, PortMapping{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"})
			serve(t, a.NetNS, "tcp", ":80")
			serve(t, out, "tcp", ":80")
			reach(t, true, out, "tcp", "192.0.2.1:8080")
			reach(t, true, a.NetNS, "tcp", "192.0.2.2:80")

			// Somebody flushes the chain, or drops everything in the first place.
			for _, change := range [][]string{{"-F", "FORWARD"}, {"-I", "FORWARD", "-j", "DROP"}} {
				run(t, iptables, change...)
				wantDropping(t, []string{one.Bridge, two.Bridge}, one, two)
				reach(t, false, out, "tcp", "192.0.2.1:8080")
				create(t, h, one)
				wantDropping(t, nil, one, two)
				reach(t, true, out, "tcp", "192.0.2.1:8080")
			}
			if rules := run(t, iptables, "-S", "FORWARD"); strings.Count(rules, acceptChain) != 1 {
				t.Errorf("the rules are there more than once:\n%s", rules)
			}

			// They are for all networks, and go with the last one.
			create(t, h, two)
			must(t, h.Detach(t.Context(), a))
			must(t, h.Remove(one))
			wantDropping(t, nil, one, two)
			must(t, h.Remove(two))
			if rules := run(t, iptables, "-S"); strings.Contains(rules, acceptChain) {
				t.Errorf("this is left:\n%s", rules)
			}
		})
	}
}

// wantDropping compares the bridges whose packets iptables' chain FORWARD drops.
func wantDropping(t testing.TB, want []string, networks ...Network) {
	t.Helper()
	var bridges []string
	for _, n := range networks {
		bridges = append(bridges, n.Bridge)
	}
	all, err := DroppingChains(bridges, nil)
	must(t, err)
	var got []string
	for _, d := range all {
		if !d.Ours {
			t.Errorf("%s can't be changed", d.Chain)
		}
		got = append(got, d.Bridges...)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("packets of %v are dropped, want %v", got, want)
	}
}

// A table of nobody known is left as it is, and the commands that are said for it help.
func TestForeignForwardDrop(t *testing.T) {
	h := newHost(t)
	out := outside(t)
	run(t, "nft", "add table inet mine")
	t.Cleanup(func() { run(t, "nft", "delete table inet mine") })
	run(t, "nft", "add chain inet mine passing { type filter hook forward priority 0; policy drop; }")
	run(t, "nft", `add rule inet mine passing ct state established accept; add rule inet mine passing iifname "eth0" oifname "kuke-*" accept`)
	n := numbered(1)
	create(t, h, n)
	a := cell(t, h, n, 2)
	serve(t, out, "tcp", ":80")
	all, err := DroppingChains([]string{n.Bridge}, nil)
	must(t, err)
	if len(all) != 1 || all[0].Chain != "table inet mine, chain passing" || all[0].Ours {
		t.Fatalf("dropping: %+v", all)
	}
	reach(t, false, a.NetNS, "tcp", "192.0.2.2:80")
	run(t, "sh", "-c", all[0].Fix)
	all, err = DroppingChains([]string{n.Bridge}, nil)
	must(t, err)
	if len(all) != 0 {
		t.Errorf("after %s: %+v", all[0].Fix, all)
	}
	reach(t, true, a.NetNS, "tcp", "192.0.2.2:80")
}
