package view

import (
	"encoding/json"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/config/resource/outline"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// messagesVersion is the version of Terraform's messages, which the first one tells.
const messagesVersion = "1.2"

// The levels of messages.
const (
	levelInfo  = "info"
	levelWarn  = "warn"
	levelError = "error"
)

// message is a line of Terraform's machine-readable UI. Only the fields of its type are set.
type message struct {
	Level     string `json:"@level"`
	Message   string `json:"@message"`
	Module    string `json:"@module"`
	Timestamp string `json:"@timestamp"`

	Terraform  string                   `json:"terraform,omitempty"`
	Kuke       string                   `json:"kuke,omitempty"`
	UI         string                   `json:"ui,omitempty"`
	Change     *changeMessage           `json:"change,omitempty"`
	Changes    *changesMessage          `json:"changes,omitempty"`
	Hook       *hookMessage             `json:"hook,omitempty"`
	Outputs    map[string]outputMessage `json:"outputs,omitzero"` // may be empty, but not nil, in its message
	Diagnostic *diagnosticJSON          `json:"diagnostic,omitempty"`
	Rehearsal  *plan.Rehearsal          `json:"rehearsal,omitempty"`

	Type string `json:"type"`
}

// resourceMessage names a resource, as far as the configuration of the plan tells with its module and its key of for_each or count.
type resourceMessage struct {
	Addr            string          `json:"addr"`
	Module          string          `json:"module"`
	Resource        string          `json:"resource"`
	ImpliedProvider string          `json:"implied_provider"`
	ResourceType    string          `json:"resource_type"`
	ResourceName    string          `json:"resource_name"`
	ResourceKey     json.RawMessage `json:"resource_key"` // nil is null
}

// instances are the resources of a configuration, by path. Resources without a configuration have none.
type instances map[resource.Path]*outline.Instance

func (all instances) at(p resource.Path) resourceMessage {
	return resourceMessage{
		Addr: string(p), Module: all[p].Module(), Resource: string(p), ImpliedProvider: outline.ProviderKey,
		ResourceType: outline.TypeOf(p.Kind()), ResourceName: p.Name(), ResourceKey: all[p].Key(),
	}
}

// of names the resource of a step; an image has its reference as name.
func (all instances) of(s plan.Step) resourceMessage {
	if s.Image == nil {
		return all.at(s.Path)
	}
	return resourceMessage{
		Addr: s.Image.Reference, Resource: s.Image.Reference, ImpliedProvider: outline.ProviderKey,
		ResourceType: "kuke_image", ResourceName: s.Image.Reference,
	}
}

// changeMessage is a planned change, or a change that was made outside of kuke.
type changeMessage struct {
	Resource         resourceMessage   `json:"resource"`
	PreviousResource *resourceMessage  `json:"previous_resource,omitempty"`
	Action           string            `json:"action"`
	KukeAction       plan.Action       `json:"kuke_action,omitempty"`
	Reason           string            `json:"reason,omitempty"`
	KukeReasons      []string          `json:"kuke_reasons,omitempty"`
	Importing        *importingMessage `json:"importing,omitempty"`
}

type importingMessage struct {
	ID string `json:"id"`
}

// changesMessage counts changes.
type changesMessage struct {
	Add       int    `json:"add"`
	Change    int    `json:"change"`
	Import    int    `json:"import"`
	Remove    int    `json:"remove"`
	Operation string `json:"operation"`
}

// hookMessage is the begin, the progress or the end of a step.
type hookMessage struct {
	Resource      resourceMessage `json:"resource"`
	Action        string          `json:"action"`
	KukeOperation plan.Op         `json:"kuke_operation"`
	IDKey         string          `json:"id_key,omitempty"`
	IDValue       string          `json:"id_value,omitempty"`
	Elapsed       *float64        `json:"elapsed_seconds,omitempty"`
	// Bytes, BytesTotal and BytesPerSecond are those of a pull.
	Bytes          int64 `json:"kuke_bytes,omitempty"`
	BytesTotal     int64 `json:"kuke_bytes_total,omitempty"`
	BytesPerSecond int64 `json:"kuke_bytes_per_second,omitempty"`
}

// outputMessage is an output value, or the change of one. Type and Value are missing for a sensitive value and for a change.
type outputMessage struct {
	Action    string          `json:"action,omitempty"`
	Sensitive bool            `json:"sensitive"`
	Type      json.RawMessage `json:"type,omitempty"`
	Value     json.RawMessage `json:"value,omitempty"`
}

// Terraform's actions.
const (
	actionCreate  = "create"
	actionRead    = "read"
	actionUpdate  = "update"
	actionReplace = "replace"
	actionDelete  = "delete"
	actionMove    = "move"
	actionImport  = "import"
	actionRemove  = "remove"
	actionNone    = "noop"
)

// actionOf returns Terraform's action for a change. A change of the task is an update; for a resource that is only recorded or
// waited for, there is no action.
func actionOf(c *plan.Change) string {
	switch c.Action {
	case plan.Create:
		return actionCreate
	case plan.Replace:
		return actionReplace
	case plan.Delete:
		return actionDelete
	case plan.Forget:
		return actionRemove
	case plan.Record:
		if c.After == nil {
			return actionRemove
		}
		return actionNone
	case plan.Check, plan.Adopt:
		return actionNone
	}
	return actionUpdate
}

// stepAction returns Terraform's action for a step. A step that changes no resource, but waits for it, reads it.
func stepAction(op plan.Op) string {
	switch op {
	case plan.OpCreate:
		return actionCreate
	case plan.OpDelete:
		return actionDelete
	case plan.OpForget:
		return actionRemove
	case plan.OpImage, plan.OpPrepare, plan.OpCheck:
		return actionRead
	}
	return actionUpdate
}

// messageReasons are the reasons of Terraform's messages, by the cause of a change.
var messageReasons = map[plan.Cause]string{
	plan.CauseAttribute: "cannot_update", plan.CauseRequest: "requested", plan.CauseTrigger: "replace_triggered_by",
	plan.CauseHost: "tainted", plan.CauseConfiguration: "delete_because_no_resource_config",
}

// planned returns the message of a change.
func (all instances) planned(c *plan.Change) *changeMessage {
	return &changeMessage{
		Resource: all.at(c.Path), Action: actionOf(c), KukeAction: c.Action, Reason: messageReasons[c.Cause], KukeReasons: c.Reasons,
	}
}

// drifted returns the message of a change that was made outside of kuke.
func (all instances) drifted(d *plan.Drift) *changeMessage {
	m := &changeMessage{Resource: all.at(d.Path), Action: actionUpdate, KukeReasons: d.Reasons}
	if d.Gone {
		m.Action = actionDelete
	}
	return m
}

// summaryOf counts the changes of a plan. Each change that is no other one counts as changed: a plan that does something never
// counts as one without changes.
func summaryOf(s plan.Summary, operation string) *changesMessage {
	return &changesMessage{
		Add: s.Add, Change: s.Change + s.Start + s.Stop + s.Record + s.Check + s.Adopt, Import: s.Import, Remove: s.Destroy,
		Operation: operation,
	}
}

func outputChange(c plan.OutputChange) outputMessage {
	switch {
	case c.Before == nil:
		return outputMessage{Action: actionCreate, Sensitive: c.After.Sensitive}
	case c.After == nil:
		return outputMessage{Action: actionDelete, Sensitive: c.Before.Sensitive}
	}
	return outputMessage{Action: actionUpdate, Sensitive: c.After.Sensitive || c.Before.Sensitive}
}

func outputOf(o *state.Output) outputMessage {
	if o.Sensitive {
		return outputMessage{Sensitive: true}
	}
	return outputMessage{Type: o.Type, Value: o.Value}
}

// seconds returns a duration as messages tell it.
func seconds(d time.Duration) *float64 {
	s := float64(d.Round(time.Millisecond).Milliseconds()) / 1000
	return &s
}
