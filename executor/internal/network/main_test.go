package network

import (
	"os"
	"testing"

	"github.com/kukeon/kuke/executor/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m, lab.Unified)) }

func needLab(t testing.TB) {
	t.Helper()
	if !lab.Inside() {
		t.Skip("needs a lab: root, CNI plugins, iptables and nftables")
	}
}
