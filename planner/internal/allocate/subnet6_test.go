package allocate

import (
	"net/netip"
	"testing"
)

// A unique local subnet follows from the path, makes room for others, and is the one that was left.
func TestUniqueLocal(t *testing.T) {
	first := uniqueLocal("main/front", "", nil)
	if !netip.MustParsePrefix("fd00::/8").Contains(first.Addr()) || first.Bits() != 64 || first != first.Masked() {
		t.Errorf("%s is no unique local /64", first)
	}
	if again := uniqueLocal("main/front", "", nil); again != first {
		t.Errorf("%s, then %s", first, again)
	}
	if other := uniqueLocal("main/back", "", nil); other == first {
		t.Errorf("two spaces have %s", first)
	}
	if other := uniqueLocal("main/front", "", []claim{{first, "another"}}); other.Overlaps(first) {
		t.Errorf("%s is taken", other)
	}
	left := netip.MustParsePrefix("fd00:1::/64")
	if kept := uniqueLocal("main/front", left.String(), nil); kept != left {
		t.Errorf("%s takes the place of %s", kept, left)
	}
}
