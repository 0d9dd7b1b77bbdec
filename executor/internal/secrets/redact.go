package secrets

import (
	"cmp"
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// Withhold makes the vault redact texts of which values are made: a program prints its password, and not the address with the
// password that its environment has.
func (s *Vault) Withhold(texts []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.withheld, s.redacted = append(s.withheld, texts...), nil
}

// Withheld returns the texts of [Vault.Withhold].
func (s *Vault) Withheld() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.withheld)
}

// Knows reports whether the vault has every sensitive value of the container, so that it can redact them all.
func (s *Vault) Knows(c *resource.Container) bool {
	known := func(text string) bool {
		_, ok := s.Open(text)
		return ok
	}
	for _, secret := range c.Secrets {
		if !known(secret.Digest) {
			return false
		}
	}
	all := true
	_, _ = c.MapTexts(func(_, text string) (string, error) { // it never fails
		all = all && known(text)
		return text, nil
	})
	return all
}

// redactedError has the text of an error without sensitive values.
type redactedError struct {
	text string
	err  error
}

func (e *redactedError) Error() string { return e.text }
func (e *redactedError) Unwrap() error { return e.err }

// Redact removes known values from an error: the runtime, for example, repeats a command that it can't run.
func (s *Vault) Redact(err error) error {
	if err == nil {
		return nil
	}
	text := s.RedactText(err.Error())
	if text == err.Error() {
		return err
	}
	return &redactedError{text, err}
}

// The minimum sizes of redacted texts, in bytes: a shorter value reveals nothing in a message, and its removal would make any
// message unreadable. A line of a value is no value of its own.
const (
	shortestValue = 4
	shortestLine  = 8
)

// RedactText removes known values from a text, for example from the output of a container. The text may begin or end within the
// lines of a value.
func (s *Vault) RedactText(text string) string {
	s.mu.Lock()
	if s.redacted == nil {
		s.redacted = s.forms()
	}
	forms := s.redacted
	s.mu.Unlock()
	for _, form := range forms {
		text = strings.ReplaceAll(text, form, plan.SensitiveValue)
	}
	return text
}

// forms returns the spellings of all values, and of their lines, the longest first: a value may contain another. The caller holds
// s.mu. The result is never nil.
func (s *Vault) forms() []string {
	forms := []string{}
	add := func(text string, shortest int) {
		quoted := strconv.Quote(text)
		for _, form := range []string{text, quoted[1 : len(quoted)-1], strings.TrimSpace(text)} {
			if len(form) >= shortest {
				forms = append(forms, form)
			}
		}
	}
	value := func(text string) {
		add(text, shortestValue)
		// As a program has it in an address, and in a header.
		add(url.QueryEscape(text), shortestValue)
		add(base64.StdEncoding.EncodeToString([]byte(text)), shortestValue)
		if !strings.Contains(strings.TrimSpace(text), "\n") {
			return
		}
		for line := range strings.Lines(text) {
			add(strings.TrimSpace(line), shortestLine)
		}
	}
	for _, text := range s.values {
		value(text)
	}
	for _, text := range s.withheld {
		value(text)
	}
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return slices.Compact(forms)
}
