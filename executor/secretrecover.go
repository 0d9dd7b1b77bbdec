package executor

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/kukeon/kuke/config/realm"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/state"
)

// sealedNote is [planner.AnnotationSealed].
type sealedNote struct {
	Leaves []string `json:"leaves"`
	// Digest is the creation digest of the spec with [blank] in place of each sealed text: whoever has lost the key can
	// still tell which configuration it was.
	Digest string `json:"digest"`
}

const blank = "sealed"

func sealedIn(c *realm.Container) sealedNote {
	var note sealedNote
	for _, leaf := range realm.Leaves(c) {
		if leaf.Sealed() && leaf.Attribute.Effect == realm.Replace && leaf.Top.Name != "secrets" {
			note.Leaves = append(note.Leaves, leaf.Name)
		}
	}
	note.Digest = realm.CreationDigest(replaced(c, note.Leaves, func(string) string { return blank }))
	return note
}

// replaced returns a copy of c with other texts in the leaves.
func replaced(c *realm.Container, leaves []string, by func(text string) string) *realm.Container {
	copied, _ := c.MapTexts(func(leaf, text string) (string, error) { // which never fails
		if slices.Contains(leaves, leaf) {
			text = by(text)
		}
		return text, nil
	})
	return copied
}

// hidden is what the OCI spec of a container holds in clear and no record may, and what it doesn't tell: the secrets.
type hidden struct {
	sealedNote
	secrets []realm.Secret
	key     realm.SealKey
	// lost says that the key is new: what was sealed with the old one is to be sealed again.
	lost bool
	at   *state.Record // where the files of the secrets are
}

// hiddenOf reads what the annotations of a container say of it.
func (s *secrets) hiddenOf(p realm.Path, id string, annotations map[string]string) (*hidden, error) {
	key, err := s.loadKey()
	if err != nil {
		return nil, err
	}
	h := &hidden{key: key, lost: s.fresh, at: &state.Record{Path: p, Status: state.Status{ContainerID: id}}}
	for name, into := range map[string]any{planner.AnnotationSealed: &h.sealedNote, planner.AnnotationSecrets: &h.secrets} {
		text := annotations[name]
		if text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(text), into); err != nil {
			return nil, fmt.Errorf("read the annotation %s of container %s: %w", name, id, err)
		}
	}
	return h, nil
}

// digest returns the one that digestOf must give for the very configuration; label is its creation digest.
func (h *hidden) digest(label string) string {
	if len(h.Leaves) > 0 {
		return h.Digest
	}
	return label
}

func (h *hidden) digestOf(c *realm.Container) string {
	blanked := replaced(c, h.Leaves, func(string) string { return blank })
	blanked.Secrets = h.secrets
	return realm.CreationDigest(blanked)
}

// widen has all be sealed that may be where the command and the args aren't told apart for certain.
func (h *hidden) widen() {
	if slices.Contains(h.Leaves, "command") || slices.Contains(h.Leaves, "args") {
		h.Leaves = append([]string{"command", "args"}, h.Leaves...)
	}
}

// seal returns the configuration as it may be recorded.
func (h *hidden) seal(c *realm.Container) *realm.Container {
	sealed := replaced(c, h.Leaves, h.key.Seal)
	sealed.Secrets = slices.Clone(h.secrets)
	for i, secret := range sealed.Secrets {
		if !h.lost || realm.CheckName(secret.Name) != nil {
			continue
		}
		if value, err := os.ReadFile(secretFile(h.at, secret)); err == nil {
			sealed.Secrets[i].Digest = h.key.Seal(string(value))
		}
	}
	return sealed
}
