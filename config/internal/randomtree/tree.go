// Package randomtree makes trees of resources for property tests: every attribute with any value that its rule takes.
package randomtree

import (
	"reflect"
	"sort"

	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/resource"
)

// valid holds texts in normal form that keep the rule of a check.
var valid = map[string][]string{
	"abspath":        {"/a", "/a b/${c}"},
	"port":           {"80", "8080:80/udp"},
	"egressport":     {"443", "53/udp"},
	"subnet":         {"10.1.2.0/24"},
	"ipv4":           {"10.1.2.3"},
	"subnet6":        {"fd00:1::/64", "auto"},
	"ipv6":           {"fd00:1::7"},
	"cidr":           {"10.0.0.0/8"},
	"hostname":       {"a", "A-b.example.com"},
	"domainname":     {"example.com"},
	"resolver":       {"192.0.2.1", "2001:db8::1"},
	"searchdomain":   {".", "lan"},
	"resolveroption": {"ndots:2"},
	"extrahost":      {"a:192.0.2.1", "a:[2001:db8::1]", "a:host-gateway"},
	"verdict":        {"deny"},
	"condition":      {"healthy", "completed"},
	"device":         {"/dev/a", "/dev/a:/dev/b:r", "vendor.com/class=a"},
	"name":           {"a", "b", "c-d"},
	"cell":           {"r/s/t/c", "r/s/t/d"},
	"capability":     {"ALL", "CHOWN"},
	"securityopt":    {"seccomp=unconfined", "apparmor=x"},
	"mode":           {"0750"},
	"reclaimpolicy":  {"Delete"},
	"source":         {"/a", "/a b/${c}"},
	"subpath":        {"a/b"},
	"volume":         {"a/@a", "a/a/a/@a"},
	"pullpolicy":     {"always", "never"},
	"restartpolicy":  {"always", "on-failure:3"},
	"signal":         {"SIGTERM", "SIGHUP"},
	"pidmode":        {"host"},
	"ipcmode":        {"host", "none"},
	"utsmode":        {"host"},
	"group":          {"video", "44"},
	"devicerule":     {"c 1:* rwm", "a 1:2 r"},
	"user":           {"app", "1000:1000"},
	"tmpfsoption":    {"noexec", "mode=1777"},
	"envfile":        {"a.env", "b.env?", "./c"},
	"sealed":         {resource.SealKey("key").Seal("a"), resource.SealKey("key").Seal("b")},
	"registry":       {"docker.io", "localhost:5000/team"},
	"networkmode":    {"host", "none"},
	"filemode":       {"0400", "0640", "0777"},
	"mac":            {"02:00:00:00:00:01"},
	"logdriver":      {"journald", "none"},
	"onunhealthy":    {"restart"},
	"cpuset":         {"0", "0-3,8"},
	"propagation":    {"rslave", "shared"},
	"selinux":        {"private", "shared"},
}

// validMembers holds maps in normal form that keep the rule of a check.
var validMembers = map[string][]map[string]string{
	"ulimit": {{"nofile": "1024:2048"}, {"core": "-1:-1", "nproc": "7:7"}},
	"sysctl": {{"net.core.somaxconn": "512"}, {"kernel.sem": "250 32000 32 128", "fs.mqueue.msg_max": "20"}},
}

// anyText generates texts that are special in HCL or in YAML.
func anyText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[a-c]{1,2}`),
		rapid.SampledFrom([]string{"true", "null", "for", "1", "0x1f", "${a}", "$${a}", "%{if}", "%%{", "$", "\"", "\\", "\n", "a\nb\n", "\t", "\r", "\x01", "\u2028", "é", "<<EOT\nx\nEOT", "# x", "// x", "/* x", " x ", "=", "}", "\U0001F600", "\u200f"}),
		// These are special in YAML.
		rapid.SampledFrom([]string{"~", "1e3", "0o7", "1_0", "no", "=", "<<", "2020-01-01", "8080:80", "- a", "a: b", "a #b", "'", "%", "{}", "*a", "&a", "!!str", "|", ">-", "---", "...", "\x7f", "\u0085", "\ufeff", "\uffff", "\u00a0", "a\n b\n\n", "\n\na", " a\nb", "a \nb", "\ta\nb", "a\n\tb", "a\r\nb"}),
	)
}

func textOf(a *resource.Attribute) *rapid.Generator[string] {
	if a.Check != "" && a.Check != "argument" {
		return rapid.SampledFrom(valid[a.Check])
	}
	return anyText()
}

func setAny(t *rapid.T, a *resource.Attribute, v reflect.Value) {
	switch a.Type {
	case resource.TypeString:
		v.SetString(textOf(a).Draw(t, a.Name))
	case resource.TypeBool:
		v.SetBool(rapid.Bool().Draw(t, a.Name))
	case resource.TypeInt, resource.TypeBytes:
		most := int64(1) << 60
		if a.HasRange && a.Max < float64(most) {
			most = int64(a.Max)
		}
		n := rapid.OneOf(rapid.Int64Range(int64(a.Min), most), rapid.SampledFrom([]int64{1 << 20 / (1 << 20) * int64(a.Min), most})).Draw(t, a.Name)
		if a.Type == resource.TypeBytes && rapid.Bool().Draw(t, "round") {
			n = rapid.Int64Range(1, 5000).Draw(t, "n") << rapid.SampledFrom([]int{20, 25, 30, 40}).Draw(t, "unit")
		}
		if v.Kind() == reflect.Pointer {
			v.Set(reflect.ValueOf(&n))
		} else {
			v.SetInt(n)
		}
	case resource.TypeFloat:
		v.SetFloat(rapid.OneOf(rapid.SampledFrom([]float64{0.5, 1, 0.1}), rapid.Float64Range(a.Min, a.Max)).Draw(t, a.Name))
	case resource.TypeList:
		v.Set(reflect.ValueOf(rapid.SliceOfN(textOf(a), 1, 3).Draw(t, a.Name)))
	case resource.TypeSet:
		members := rapid.SliceOfNDistinct(textOf(a), 1, 2, rapid.ID).Draw(t, a.Name)
		sort.Strings(members)
		v.Set(reflect.ValueOf(members))
	case resource.TypeMap:
		if members := validMembers[a.Check]; members != nil {
			v.Set(reflect.ValueOf(rapid.SampledFrom(members).Draw(t, a.Name)))
			return
		}
		v.Set(reflect.ValueOf(rapid.MapOfN(rapid.SampledFrom([]string{"a", "for", "null", "true", "a.b/c", "${x}", "\"", "1", "a b"}), anyText(), 1, 3).Draw(t, a.Name)))
	case resource.TypePairs:
		m := rapid.MapOfN(rapid.SampledFrom([]string{"A", "for", "null", "_"}), anyText(), 1, 3).Draw(t, a.Name)
		v.Set(reflect.ValueOf(m).Convert(v.Type()))
	case resource.TypeObject:
		object := reflect.New(v.Type().Elem())
		setSome(t, a.Fields, object)
		if !object.Elem().IsZero() {
			v.Set(object)
		}
	case resource.TypeObjects:
		key := resource.FindAttribute(a.Fields, a.Key)
		keys := rapid.SliceOfNDistinct(textOf(key), 1, 2, rapid.ID).Draw(t, a.Name)
		sort.Strings(keys)
		for _, k := range keys {
			element := reflect.New(v.Type().Elem()).Elem()
			setSome(t, a.Fields, element)
			key.Field(element).SetString(k)
			v.Set(reflect.Append(v, element))
		}
	default:
		t.Fatalf("no value of type %s", a.Type)
	}
}

func setSome(t *rapid.T, attrs []*resource.Attribute, of reflect.Value) {
	for _, a := range attrs {
		if a.Alias {
			continue // it is empty in normal form
		}
		if a.Required || rapid.Bool().Draw(t, "sets "+a.Name) {
			setAny(t, a, a.Field(of))
		}
	}
}

// Tree returns a tree with a resource of each kind, or without it.
func Tree(t *rapid.T) *resource.Tree {
	tree := resource.NewTree()
	p := resource.Path("")
	for _, k := range resource.Kinds {
		p = p.Join("a")
		if k != resource.KindContainer && !rapid.Bool().Draw(t, "has a "+k.Lower()) {
			continue
		}
		r := &resource.Resource{Path: p, Spec: resource.NewSpec(k), External: rapid.IntRange(0, 5).Draw(t, "external") == 0}
		setSome(t, k.Attributes(), reflect.ValueOf(r.Spec))
		if c, ok := r.Spec.(*resource.Container); ok {
			settleMounts(t, c)
		}
		tree.Add(r)
		if resource.KindVolume.BelongsIn(p) && rapid.Bool().Draw(t, "has a volume") {
			addVolume(t, tree, p)
		}
	}
	return tree
}

// settleMounts gives each mount one source, as its normal form has it.
func settleMounts(t *rapid.T, c *resource.Container) {
	for i := range c.Volumes {
		m := &c.Volumes[i]
		m.Ref = nil
		if rapid.Bool().Draw(t, "mounts a volume") {
			m.Source, m.CreateHostPath, m.Propagation, m.SELinux = "", false, "", ""
			m.Volume = rapid.SampledFrom(valid["volume"]).Draw(t, "volume")
			m.Ensure = false // it would declare the volume
			continue
		}
		m.Volume, m.Ensure, m.NoCopy, m.Subpath = "", false, false, ""
		m.Source = rapid.SampledFrom(valid["source"]).Draw(t, "source")
	}
}

// addVolume adds a volume in the resource at p.
func addVolume(t *rapid.T, tree *resource.Tree, p resource.Path) {
	v := new(resource.Volume)
	setSome(t, resource.KindVolume.Attributes(), reflect.ValueOf(v))
	if v.DriverOpts != nil {
		v.Path, v.UID, v.GID, v.Mode = "", nil, nil, ""
	}
	tree.Add(&resource.Resource{Path: p.Volume("a"), Spec: v, External: rapid.IntRange(0, 5).Draw(t, "external") == 0})
}
