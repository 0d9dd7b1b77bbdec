package resource

import (
	"reflect"
	"sync"
)

// Lifecycle restricts or triggers changes of a resource.
type Lifecycle struct {
	PreventDestroy     bool      `json:"preventDestroy,omitempty" kuke:"recorded" doc:"Refuse every plan that would destroy or replace the resource."`
	IgnoreChanges      []string  `json:"ignoreChanges,omitempty" kuke:"recorded,type=set" doc:"Attributes whose changes are ignored: image, env[\"TOKEN\"], resources.memory; * for all, which HCL writes as all."`
	ReplaceTriggeredBy []Trigger `json:"replaceTriggeredBy,omitempty" kuke:"recorded,key=path,short" doc:"Resources that replace this one, a container, when they are updated or replaced."`
}

// Trigger is a resource, or some attributes of it.
type Trigger struct {
	Path       Path     `json:"path" kuke:"recorded,required" doc:"Path of the resource."`
	Attributes []string `json:"attributes,omitempty" kuke:"recorded,type=set" doc:"Names of its attributes that count. Default: all."`
}

// LifecycleAttributes describes the fields of a [Lifecycle]. The slice is shared: don't change it.
var LifecycleAttributes = sync.OnceValue(func() []*Attribute { return attributesOf(reflect.TypeFor[Lifecycle](), nil) })
