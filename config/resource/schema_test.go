package resource

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func TestSchema(t *testing.T) {
	for _, k := range Kinds {
		t.Run(string(k), func(t *testing.T) {
			s := NewSpec(k)
			if s.Kind() != k || Kinds[k.Depth()-1] != k {
				t.Errorf("NewSpec is a %s, at depth %d", s.Kind(), k.Depth())
			}
			checkAttributes(t, string(k), k.Attributes(), reflect.TypeOf(s).Elem())
			for _, name := range []string{"labels", "resources"} {
				if k.Attribute(name) == nil {
					t.Errorf("no attribute %s", name)
				}
			}
		})
	}
}

var (
	manifestName = regexp.MustCompile(`^[a-z][a-zA-Z0-9]*$`)
	hclName      = regexp.MustCompile(`^[a-z]+[0-9]*(_[a-z]+[0-9]*)*$`)
)

func checkAttributes(t *testing.T, where string, attrs []*Attribute, of reflect.Type) {
	t.Helper()
	if got, want := len(attrs), countFields(of); got != want {
		t.Errorf("%s: %d attributes for %d fields", where, got, want)
	}
	names, hclNames := map[string]bool{}, map[string]bool{}
	value := reflect.New(of)
	for _, a := range attrs {
		at := where + "." + a.Name
		switch {
		case !manifestName.MatchString(a.Name) || names[a.Name]:
			t.Errorf("%s: the name is not camelCase, or there twice", at)
		case !hclName.MatchString(a.HCLName) || hclNames[a.HCLName]:
			t.Errorf("%s: HCL name %q is not snake_case, or there twice", at, a.HCLName)
		case a.Effect != Replace && a.Effect != Live && a.Effect != Recorded:
			t.Errorf("%s: effect %q", at, a.Effect)
		case len(a.Doc) < 10 || !strings.HasSuffix(a.Doc, "."):
			t.Errorf("%s: doc %q is not a sentence", at, a.Doc)
		case a.HasRange && a.Min > a.Max:
			t.Errorf("%s: range %v to %v", at, a.Min, a.Max)
		case a.Short && a.Type != TypeObjects:
			t.Errorf("%s: a short form for a %s", at, a.Type)
		case a.HasRange && a.Type != TypeInt && a.Type != TypeFloat && a.Type != TypeBytes:
			t.Errorf("%s: a range for a %s", at, a.Type)
		}
		names[a.Name], hclNames[a.HCLName] = true, true
		checkShape(t, at, a, a.Field(value))
	}
}

// goTypes are the Go types that the doc of [Type] promises.
var goTypes = map[Type][]reflect.Type{
	TypeString: {reflect.TypeFor[string](), reflect.TypeFor[Condition]()}, TypeBool: {reflect.TypeFor[bool]()},
	TypeInt: {reflect.TypeFor[int64](), reflect.TypeFor[*int64]()}, TypeFloat: {reflect.TypeFor[float64]()},
	TypeBytes: {reflect.TypeFor[int64]()}, TypeList: {reflect.TypeFor[[]string]()}, TypeSet: {reflect.TypeFor[[]string]()},
	TypeMap: {reflect.TypeFor[map[string]string]()}, TypePairs: {reflect.TypeFor[Env]()},
}

func checkShape(t *testing.T, at string, a *Attribute, field reflect.Value) {
	t.Helper()
	if !field.CanSet() {
		t.Errorf("%s: the field can't be set", at)
	}
	switch a.Type {
	case TypeObject:
		if field.Kind() != reflect.Pointer {
			t.Fatalf("%s: an object in a %s", at, field.Type())
		}
		checkAttributes(t, at, a.Fields, field.Type().Elem())
	case TypeObjects:
		if field.Kind() != reflect.Slice {
			t.Fatalf("%s: objects in a %s", at, field.Type())
		}
		key := FindAttribute(a.Fields, a.Key)
		if key == nil || key.Type != TypeString || !key.Required {
			t.Errorf("%s: key %q is not a required string", at, a.Key)
		}
		for _, f := range a.Fields {
			if a.Short && f.Required && f != key {
				t.Errorf("%s: the short form leaves out %s, which is required", at, f.Name)
			}
		}
		checkAttributes(t, at, a.Fields, field.Type().Elem())
	default:
		for _, want := range goTypes[a.Type] {
			if field.Type() == want {
				return
			}
		}
		t.Errorf("%s: type %s is held by a %s", at, a.Type, field.Type())
	}
}

// countFields counts the fields of a struct and of its embedded structs.
func countFields(of reflect.Type) int {
	n := 0
	for i := range of.NumField() {
		if f := of.Field(i); f.Anonymous {
			n += countFields(f.Type)
		} else {
			n++
		}
	}
	return n
}

// Each field is reached by exactly one attribute: setting all attributes leaves no zero field.
func TestAttributesReachEveryField(t *testing.T) {
	for _, k := range Kinds {
		s := reflect.ValueOf(NewSpec(k))
		for _, a := range k.Attributes() {
			f := a.Field(s)
			if !f.IsZero() {
				t.Errorf("%s.%s: the field was set through another attribute", k, a.Name)
			}
			switch f.Kind() {
			case reflect.Pointer:
				f.Set(reflect.New(f.Type().Elem()))
			case reflect.Slice:
				f.Set(reflect.MakeSlice(f.Type(), 1, 1))
			case reflect.Map:
				f.Set(reflect.MakeMap(f.Type()))
			case reflect.String:
				f.SetString("x")
			case reflect.Bool:
				f.SetBool(true)
			default:
				f.Set(reflect.ValueOf(1).Convert(f.Type()))
			}
		}
		noZeroField(t, string(k), s.Elem())
	}
}

func noZeroField(t *testing.T, where string, v reflect.Value) {
	t.Helper()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Anonymous {
			noZeroField(t, where, v.Field(i))
		} else if v.Field(i).IsZero() {
			t.Errorf("%s: no attribute reaches field %s", where, f.Name)
		}
	}
}

// The design's fields, by both of their names: renaming one breaks every configuration there is.
func TestNames(t *testing.T) {
	checkNames(t, KindContainer, `args=args capabilities=capabilities command=command dependsOn=depends_on devices=devices env=env
		healthcheck=healthcheck image=image labels=labels networks=networks networksAliases=networks_aliases
		ports=ports privileged=privileged readOnlyRootFilesystem=read_only_root_filesystem resources=resources
		restartPolicy=restart_policy root=root secrets=secret securityOpts=security_opts stopSignal=stop_signal
		stopTimeoutSeconds=stop_timeout_seconds tmpfs=tmpfs user=user volumes=volume workingDir=working_dir
		resources.memory=memory resources.cpus=cpus resources.cpuWeight=cpu_weight resources.pids=pids
		resources.ioWeight=io_weight dependsOn.name=name dependsOn.condition=condition`)
	checkNames(t, KindCell, `address=address dependsOn=depends_on dependsOn.name=name dependsOn.condition=condition`)
	checkNames(t, KindSpace, `network=network network.subnet=subnet network.internal=internal network.egress=egress
		network.egress.default=default network.egress.allow=allow network.egress.allow.cidr=cidr network.egress.allow.ports=ports`)
	if KindContainer.Attribute("Image") != nil || KindRealm.Attribute("image") != nil {
		t.Error("found an attribute that isn't there")
	}
}

func checkNames(t *testing.T, k Kind, want string) {
	t.Helper()
	for _, pair := range strings.Fields(want) {
		name, hcl, _ := strings.Cut(pair, "=")
		attrs := k.Attributes()
		var a *Attribute
		for _, step := range strings.Split(name, ".") {
			if a = FindAttribute(attrs, step); a == nil {
				break
			}
			attrs = a.Fields
		}
		if a == nil || a.HCLName != hcl {
			t.Errorf("%s.%s: %+v, want the HCL name %s", k, name, a, hcl)
		}
	}
}

func TestKinds(t *testing.T) {
	var chain []string
	for k := KindRealm; k != ""; k = k.Child() {
		chain = append(chain, k.Lower())
	}
	if got := strings.Join(chain, " "); got != "realm space stack cell container" {
		t.Errorf("from the top down: %s", got)
	}
	if Kind("Pod").Depth() != 0 || Kind("Pod").Child() != "" {
		t.Error("Pod is a kind")
	}
}
