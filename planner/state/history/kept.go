package history

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
	"github.com/kukeon/kuke/planner/state/durable"
)

const (
	planSuffix          = ".plan.json.gz"
	configurationSuffix = ".configuration.json.gz"

	keptMode fs.FileMode = 0o600
	dirMode  fs.FileMode = 0o750
)

// The last plans and configurations are kept: at most so many, and the older of them only as long as all of them together
// are below maxKept bytes.
const (
	maxPlans          = 200
	maxConfigurations = 50
	maxKept           = 64 << 20
)

// maxUnpacked is the maximum size of the content of a kept file, in bytes.
const maxUnpacked = 1 << 30

// Configuration is a configuration as it was applied: the specs of the resources that its project owned then.
type Configuration struct {
	Project string                   `json:"project"`
	Outputs map[string]*state.Output `json:"outputs"`
	// Resources have sealed texts for sensitive values, and no status but whether they may be destroyed.
	Resources []*state.Record `json:"resources"`
}

// ConfigurationOf returns the configuration of a project that st records.
func ConfigurationOf(st *state.State, project string) *Configuration {
	c := &Configuration{Project: project, Outputs: st.Outputs[project], Resources: []*state.Record{}}
	for _, p := range st.Paths() {
		if r := st.Records[p]; r.Status.Project == project {
			c.Resources = append(c.Resources, &state.Record{Path: p, Spec: r.Spec, Status: state.Status{PreventDestroy: r.Status.PreventDestroy}})
		}
	}
	return c
}

// Tree returns the resources as they are to be.
func (c *Configuration) Tree() *resource.Tree {
	tree := resource.NewTree()
	for _, r := range c.Resources {
		want := &resource.Resource{Path: r.Path, Spec: r.Spec}
		if r.Status.PreventDestroy {
			want.Lifecycle = &resource.Lifecycle{PreventDestroy: true}
		}
		tree.Add(want)
	}
	return tree
}

// KeepConfiguration records the configuration that is applied after the entry of the number.
func (l *Log) KeepConfiguration(number uint64, c *Configuration) error {
	data, err := json.Marshal(c)
	if err == nil {
		err = l.keep(number, configurationSuffix, data, maxConfigurations)
	}
	if err != nil {
		return fmt.Errorf("record the configuration in the history: %w", err)
	}
	return nil
}

func (l *Log) keepPlan(number uint64, plan []byte) error {
	return l.keep(number, planSuffix, plan, maxPlans)
}

// Plan returns the plan of an entry as [Log.Begin] got it.
func (l *Log) Plan(number uint64) ([]byte, error) { return l.open(number, planSuffix, "plan") }

// Configuration returns the configuration that was applied after the entry of the number.
func (l *Log) Configuration(number uint64) (*Configuration, error) {
	data, err := l.open(number, configurationSuffix, "configuration")
	if err != nil {
		return nil, err
	}
	c := new(Configuration)
	if err := json.Unmarshal(data, c); err != nil {
		return nil, fmt.Errorf("read the configuration of entry %d of the history: %w", number, err)
	}
	return c, nil
}

// keep writes a file of an entry, and removes those that are too old.
func (l *Log) keep(number uint64, suffix string, data []byte, most int) error {
	dir := filepath.Join(l.dir, dirName)
	if err := os.Mkdir(dir, dirMode); err == nil {
		err = durable.SyncDir(l.dir)
		if err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(dir, name(number, suffix)), packed.Bytes(), keptMode); err != nil {
		return err
	}
	return l.prune(suffix, most)
}

func name(number uint64, suffix string) string { return strconv.FormatUint(number, 10) + suffix }

// prune removes the oldest files with the suffix that are too many or too large. The newest stays whatever its size.
func (l *Log) prune(suffix string, most int) error {
	var total int64
	seen := 0
	for _, k := range slices.Backward(l.kept()) {
		if k.suffix != suffix {
			continue
		}
		seen++
		if total += k.size; seen > 1 && (seen > most || total > maxKept) {
			if err := os.Remove(filepath.Join(l.dir, dirName, name(k.number, suffix))); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// kept is a file of an entry.
type kept struct {
	number uint64
	suffix string
	size   int64
}

// kept returns the files of entries by their numbers.
func (l *Log) kept() []kept {
	entries, _ := os.ReadDir(filepath.Join(l.dir, dirName))
	var all []kept
	for _, e := range entries {
		for _, suffix := range []string{planSuffix, configurationSuffix} {
			text, ok := strings.CutSuffix(e.Name(), suffix)
			number, err := strconv.ParseUint(text, 10, 64)
			info, infoErr := e.Info()
			if ok && err == nil && infoErr == nil && name(number, suffix) == e.Name() {
				all = append(all, kept{number, suffix, info.Size()})
			}
		}
	}
	slices.SortFunc(all, func(a, b kept) int { return cmp.Compare(a.number, b.number) })
	return all
}

// open returns the content of a file of an entry.
func (l *Log) open(number uint64, suffix, noun string) ([]byte, error) {
	packed, err := durable.ReadFile(filepath.Join(l.dir, dirName, name(number, suffix)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, l.notKept(number, suffix, noun)
	}
	if err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("read the %s of entry %d of the history: %w", noun, number, err)
	}
	data, err := io.ReadAll(io.LimitReader(r, maxUnpacked))
	if err != nil {
		return nil, fmt.Errorf("read the %s of entry %d of the history: %w", noun, number, err)
	}
	return data, nil
}

// ErrNotKept says that the history has the entry, but not its plan or configuration.
var ErrNotKept = errors.New("it is not kept")

func (l *Log) notKept(number uint64, suffix, noun string) error {
	var have []string
	for _, k := range l.kept() {
		if k.suffix == suffix {
			have = append(have, strconv.FormatUint(k.number, 10))
		}
	}
	hint := "no entry has one"
	if n := len(have); n > 0 {
		hint = fmt.Sprintf("%d entries from %s to %s have one", n, have[0], have[n-1])
	}
	return fmt.Errorf("the history has no %s of entry %d: %w: %s", noun, number, ErrNotKept, hint)
}
