package validate

import "testing"

// Every rule has a pattern or its values, and those texts that it takes match.
func TestPatterns(t *testing.T) {
	for name, rule := range rules {
		if rule.Pattern == "" && rule.Values == nil {
			t.Errorf("%s has neither", name)
		}
		for _, v := range rule.Values {
			if _, err := rule.normalize(v); err != nil {
				t.Errorf("%s doesn't take %q: %v", name, v, err)
			}
		}
	}
}
