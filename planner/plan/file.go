package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state/durable"
)

// planFormat and planVersion begin the first line of a plan file. It ends with the digest of all that follows, which is the
// plan in JSON as [Encode] writes it: there is one way to write a plan, so that no two files mean the same and none
// means more than one thing.
const (
	planFormat  = "kuke-plan"
	planVersion = "3"
)

// planFile is the content of a plan file.
type planFile struct {
	*Plan
	// SealKey is [Plan.Key].
	SealKey resource.SealKey `json:"seal_key,omitempty"`
}

// Save writes the plan to a file of mode 0600, in one step. A plan that [Load] would refuse is not written.
func (p *Plan) Save(file string) error {
	data, err := Encode(p)
	if err == nil {
		_, err = Decode(data)
	}
	if err != nil {
		return fmt.Errorf("save the plan: %w", err)
	}
	return WriteFile(file, data)
}

// WriteFile writes a plan, in whatever form, to a file of mode 0600, in one step.
func WriteFile(file string, data []byte) error {
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return fmt.Errorf("save the plan: %s is a directory. Name a file", file)
	}
	const private fs.FileMode = 0o600
	err := durable.WriteFile(file, data, private)
	if dir := filepath.Dir(file); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("save the plan: %w. Create the directory %s first", err, dir)
	}
	if err != nil {
		return fmt.Errorf("save the plan: %w", err)
	}
	return nil
}

// Load reads a plan file of [Plan.Save]. The diagnostics are warnings about the file itself: users other than root and its
// owner can change it, or another user owns it.
func Load(file string) (*Plan, resource.Diagnostics, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, &missingError{file}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the saved plan: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("read the saved plan: %w", err)
	}
	if info.IsDir() {
		return nil, nil, fmt.Errorf("%s is a directory. Apply the configuration in it with kuke apply -f %[1]s", file)
	}
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, nil, fmt.Errorf("read the saved plan: %w", err)
	}
	p, err := Decode(data)
	if errors.Is(err, errNoPlan) && slices.Contains([]string{".hcl", ".yaml", ".yml"}, filepath.Ext(file)) {
		return nil, nil, fmt.Errorf("%s is a configuration. Apply it with kuke apply -f %[1]s", file)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the saved plan: %s %w: plan again, with kuke plan --out FILE", file, err)
	}
	return p, trustworthy(file, info, os.Geteuid()), nil
}

// missingError says that there is no plan file of that name.
type missingError struct{ file string }

func (e *missingError) Error() string {
	return "there is no saved plan " + e.file + ". Write one with kuke plan --out FILE"
}

func (e *missingError) Unwrap() error { return fs.ErrNotExist }

// trustworthy warns of a file that users other than root and the user of that id can have written.
func trustworthy(file string, info fs.FileInfo, user int) (diags resource.Diagnostics) {
	at := resource.Range{File: file}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid != 0 && int(stat.Uid) != user {
		diags.Warnf(at, "", "Plan file of another user", "the saved plan belongs to the user with the id %d, who can have changed it: apply it only if you trust that user, or plan again.", stat.Uid)
	}
	const others fs.FileMode = 0o022
	if mode := info.Mode(); mode.IsRegular() && mode.Perm()&others != 0 {
		diags.Warnf(at, "", "Plan file can be changed by others", "the saved plan has the mode %04o, so that other users than its owner can change it: review it with kuke show, and remove their permission with chmod go-w.", mode.Perm())
	}
	return diags
}

// Encode returns the content of a plan file.
func Encode(p *Plan) ([]byte, error) {
	body, err := json.Marshal(planFile{Plan: p, SealKey: p.Key})
	if err != nil {
		return nil, err
	}
	body = append(body, '\n')
	return append([]byte(planFormat+" "+planVersion+" "+planDigest(body)+"\n"), body...), nil
}

// Digest returns the digest in the first line of the content of a plan file.
func Digest(data []byte) string {
	header, _, _ := bytes.Cut(data, []byte("\n"))
	return string(header[bytes.LastIndexByte(header, ' ')+1:])
}

func planDigest(body []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(body)) }

var errNoPlan = errors.New("is not a saved plan")

// Decode reads the content of a plan file. The errors are predicates of the file's name.
func Decode(data []byte) (*Plan, error) {
	p, err := DecodeToShow(data)
	if err != nil {
		return nil, err
	}
	if n := len(p.Key); n != 0 && n != resource.SealKeySize {
		return nil, fmt.Errorf("has a key of %d bytes", n)
	}
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("is not a plan that kuke made: %w", err)
	}
	return p, nil
}

// DecodeToShow is [Decode] for a plan that is not carried out, such as one of the history: that of a command for single
// resources is among them, which is never saved.
func DecodeToShow(data []byte) (*Plan, error) {
	header, body, _ := bytes.Cut(data, []byte("\n"))
	format, rest, _ := strings.Cut(string(header), " ")
	version, digest, _ := strings.Cut(rest, " ")
	switch {
	case format != planFormat && isOldPlan(data):
		return nil, errors.New("was saved by an earlier version of kuke")
	case format != planFormat:
		return nil, errNoPlan
	case version != planVersion:
		return nil, fmt.Errorf("has format version %q, and this kuke reads version %s", version, planVersion)
	case digest != planDigest(body):
		return nil, errors.New("is damaged or was edited: its content does not have the digest in its first line")
	}
	pf := planFile{Plan: new(Plan)}
	if err := json.Unmarshal(body, &pf); err != nil {
		return nil, fmt.Errorf("can't be read: %w", err)
	}
	pf.Key = pf.SealKey
	// Unknown and duplicate fields are lost when the plan is encoded again.
	if again, err := Encode(pf.Plan); err != nil || !bytes.Equal(again, data) {
		return nil, errors.New("was edited, or written by another version of kuke")
	}
	return pf.Plan, nil
}

// isOldPlan reports whether data is a plan file of the first versions of kuke.
func isOldPlan(data []byte) bool {
	var old struct {
		Format string `json:"format"`
	}
	return json.Unmarshal(data, &old) == nil && old.Format == planFormat
}
