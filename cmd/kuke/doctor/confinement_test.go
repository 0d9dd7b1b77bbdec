package doctor

import (
	"strings"
	"testing"

	"github.com/kukeon/kuke/executor"
)

func TestCheckConfinement(t *testing.T) {
	for _, test := range []struct {
		host  executor.Confinement
		ok    bool
		found string
		fix   string
	}{
		{executor.Confinement{AppArmor: true, AppArmorEnabled: true}, true, "AppArmor confines containers", ""},
		{executor.Confinement{AppArmorEnabled: true}, false, "containers run unconfined", "apt-get install apparmor"},
		{executor.Confinement{SELinux: true}, false, "no SELinux label", ""},
		{executor.Confinement{}, false, "neither AppArmor nor SELinux", ""},
	} {
		c := checkConfinement(test.host)
		if c.OK != test.ok || c.Needed || !strings.Contains(c.Found, test.found) || !strings.Contains(c.Fix, test.fix) || test.fix == "" && c.Fix != "" {
			t.Errorf("%+v: %+v", test.host, c)
		}
	}
}
