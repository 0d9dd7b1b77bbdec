package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/internal/randomtree"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/internal/write"
	"github.com/kukeon/kuke/config/resource"
)

// compiled returns the schema as a validator takes it.
func compiled(t testing.TB, k resource.Kind) *jsonschema.Schema {
	t.Helper()
	data, err := json.Marshal(JSONSchema(k))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("kuke.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("kuke.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// plainDocuments returns the documents of a YAML file as JSON has them, with anchors and merges resolved.
func plainDocuments(data []byte) []any {
	var diags resource.Diagnostics
	var docs []any
	data, _ = source.Normalize(source.File{Data: data}, &diags)
	source.Documents("", data, &diags, func(v *source.Value) { docs = append(docs, plain(v)) })
	return docs
}

func plain(v *source.Value) any {
	switch v.Shape {
	case source.Null:
		return nil
	case source.Bool:
		return strings.EqualFold(v.Text, "true")
	case source.Number:
		if n, err := strconv.ParseInt(v.Text, 0, 64); err == nil {
			return json.Number(fmt.Sprint(n))
		}
		if f, err := strconv.ParseFloat(v.Text, 64); err == nil && f-f == 0 {
			return json.Number(fmt.Sprint(f))
		}
		return json.Number("0.5")
	case source.List:
		list := []any{}
		for _, item := range v.Items {
			list = append(list, plain(item))
		}
		return list
	case source.Object:
		object := map[string]any{}
		for _, f := range v.Fields {
			object[f.Name] = plain(f.Value)
		}
		return object
	}
	return v.Text
}

// whatLoadsIsValid sees that every document of a file that loads is valid.
func whatLoadsIsValid(t testing.TB, schema *jsonschema.Schema, data []byte) {
	t.Helper()
	for _, doc := range plainDocuments(data) {
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%v\nin\n%s", err, data)
		}
	}
}

// What loads is valid: every example, all of the golden files, and whatever is encoded.
func TestWhatLoadsIsValid(t *testing.T) {
	schema := compiled(t, "")
	n := 0
	loadable(t, func(_ string, found []source.File, tree *resource.Tree) {
		whatLoadsIsValid(t, schema, write.EncodeYAML(tree))
		for _, s := range found {
			if source.IsYAML(s.Name, s.Data) {
				n++
				whatLoadsIsValid(t, schema, s.Data)
			}
		}
	})
	if n < 4 {
		t.Errorf("only %d files in YAML", n)
	}
	rapid.Check(t, func(r *rapid.T) {
		for _, doc := range plainDocuments(write.EncodeYAML(randomtree.Tree(r))) {
			if err := schema.Validate(doc); err != nil {
				r.Fatalf("%v", err)
			}
		}
	})
}

// Forms of which the golden files have no example.
func TestOddFormsAreValid(t *testing.T) {
	schema := compiled(t, "")
	for _, text := range []string{
		"apiVersion: v1beta1\nkind: Realm\nmetadata: {name: a}",
		"apiVersion: v1beta1\nkind: Realm\nmetadata: {name: a, labels: }\nspec:\nstatus:",
		"apiVersion: v1beta1\nkind: Realm\nmetadata: {name: a, labels: {a: 1, b: true, c: 2020-01-01, d: 1.5}}\nspec: {id: , external: , namespace: '', labels: {}, resources: {memory: , cpus: 1, pids: }}",
		"apiVersion: v1beta1\nkind: Realm\nmetadata: {name: a}\nspec: {resources: {memory: '1.5 gb'}}",
		"apiVersion: v1beta1\nkind: Realm\nmetadata: {name: a}\nspec: {resources: {memory: '+2097152'}}",
		"apiVersion: v1beta1\nkind: Realm\nmetadata: {name: a}\nspec: {resources: {memory: '1e3 m'}}",
		"apiVersion: v1beta1\nkind: Realm\nmetadata: {name: a}\nspec: {resources: {memory: 2097152, memorySwap: -1}}",
		"apiVersion: v1beta1\nkind: Realm\nmetadata: {name: a}\nspec: {resources: {memory: 2097152, memorySwap: '-1'}}",
		"apiVersion: v1beta1\nkind: Cell\nmetadata: {name: a}\nspec: {realmId: a, spaceId: a, stackId: a, address: '', rootContainerId: '', dependsOn: , containers: [{name: x, workingDir: '', restartPolicy: '', stopSignal: '9', pullPolicy: , command: '', args: ['', ''], env: , healthcheck: {tcp: 'a:1', exec: []}, capabilities: {}, ports: []}, {id: y, name: y, dependsOn: [{name: x, condition: }]}]}",
		"apiVersion: v1beta1\nkind: Container\nmetadata: {name: a}\nspec: {realmId: a, spaceId: a, stackId: a, cellId: a, env: {A: 1, B: true, C: ''}, tmpfs: [{path: /x, sizeBytes: 4096, options: }], secrets: [{name: s, fromFile: '', fromEnv: A, mountPath: ''}], securityOpts: ['no-new-privileges:false', 'seccomp:unconfined', 'systempaths=unconfined']}",
	} {
		tree, _, diags := loadTree([]source.File{{Name: "x.yaml", Data: []byte(text)}}, nil)
		if tree == nil {
			t.Errorf("%v\nin\n%s", diags, text)
		}
		whatLoadsIsValid(t, schema, []byte(text))
	}
}

// What every editor should underline is invalid.
func TestInvalid(t *testing.T) {
	schema := compiled(t, "")
	loadable(t, func(name string, found []source.File, tree *resource.Tree) {
		if !strings.HasSuffix(name, "every-field.yaml.txtar") {
			return
		}
		docs := slices.Concat(plainDocuments(found[0].Data), plainDocuments(write.EncodeYAML(tree)))
		broken := 0
		for _, doc := range docs {
			damage(doc, doc, "", func(how string) {
				broken++
				if schema.Validate(doc) == nil {
					shown, _ := json.Marshal(doc)
					t.Errorf("%s is valid in %s", how, shown)
				}
			})
		}
		if broken < 1000 {
			t.Errorf("only %d damages", broken)
		}
	})
	for _, text := range []string{
		"kind: Realm\nmetadata: {name: a}",
		"apiVersion: v1\nkind: Realm\nmetadata: {name: a}",
		"apiVersion: v1beta1\nkind: Pod\nmetadata: {name: a}",
		"apiVersion: v1beta1\nkind: Realm\nmetadata: {name: A}",
		"apiVersion: v1beta1\nkind: Realm\nmetadata: {}",
		"apiVersion: v1beta1\nkind: Realm\nmetadata: {name: " + strings.Repeat("a", 64) + "}",
		"apiVersion: v1beta1\nkind: Space\nmetadata: {name: a}",
		"apiVersion: v1beta1\nkind: Space\nmetadata: {name: a}\nspec: {realmId: }",
		"apiVersion: v1beta1\nkind: Space\nmetadata: {name: a}\nspec: {realmId: a, image: x}",
		"apiVersion: v1beta1\nkind: Space\nmetadata: {name: a}\nspec: {realmId: a, network: {egress: {default: reject}}}",
		"apiVersion: v1beta1\nkind: Realm\nmetadata: {name: a}\nspec: {resources: {cpus: 0}}",
		"apiVersion: v1beta1\nkind: Realm\nmetadata: {name: a}\nspec: {resources: {memory: 1}}",
		"apiVersion: v1beta1\nkind: Realm\nmetadata: {name: a}\nspec: {resources: {memory: 2097152, memorySwap: -2}}",
		"apiVersion: v1beta1\nkind: Realm\nmetadata: {name: a}\nspec: {resources: {memory: -1}}",
		"apiVersion: v1beta1\nkind: Realm\nmetadata: {name: a}\nspec: {resources: {memory: lots}}",
		"apiVersion: v1beta1\nkind: Cell\nmetadata: {name: a}\nspec: {realmId: a, spaceId: a, stackId: a, containers: [{image: x}]}",
		"apiVersion: v1beta1\nkind: Cell\nmetadata: {name: a}\nspec: {realmId: a, spaceId: a, stackId: a, containers: [{id: x, capabilities: {add: [NETADMIN]}}]}",
		"apiVersion: v1beta1\nkind: Cell\nmetadata: {name: a}\nspec: {realmId: a, spaceId: a, stackId: a, dependsOn: [{condition: healthy}]}",
		"apiVersion: v1beta1\nkind: Volume\nmetadata: {name: a, realm: main, cell: web}",
		"apiVersion: v1beta1\nkind: Volume\nmetadata: {name: a, realm: main}\nspec: {reclaimPolicy: Recycle}",
		"apiVersion: v1beta1\nkind: Volume\nmetadata: {name: a, realm: main}\nspec: {resources: {memory: 1GiB}}",
		"- a", "a",
	} {
		for _, doc := range plainDocuments([]byte(text)) {
			if schema.Validate(doc) == nil {
				t.Errorf("valid:\n%s", text)
			}
		}
	}
}

// free are the maps that take any key, and scalars those that take any number.
var (
	free    = []string{"labels", "env"}
	scalars = []string{"labels", "env", "annotations", "sysctls"}
)

// damage calls broken with each way to damage the node at the path at, in doc: one more field, one of another type, and
// one less where it is required. Afterwards it is as it was.
func damage(doc, node any, at string, broken func(how string)) {
	switch node := node.(type) {
	case []any:
		for i, item := range node {
			node[i] = []any{map[string]any{}}
			broken(fmt.Sprintf("%s[%d] as a list", at, i))
			node[i] = item
			damage(doc, item, fmt.Sprintf("%s[%d]", at, i), broken)
		}
	case map[string]any:
		last := at[strings.LastIndexByte(at, '.')+1:]
		if !slices.Contains(free, last) {
			node["nope"] = nil
			broken(at + " with another field")
			delete(node, "nope")
		}
		for _, name := range slices.Sorted(maps.Keys(node)) {
			value := node[name]
			node[name] = []any{[]any{}}
			broken(at + "." + name + " as a list of lists")
			node[name] = json.Number("-1.5")
			if !slices.Contains(scalars, last) {
				broken(at + "." + name + " as a number")
			}
			if required(name, at) && last != "containers" {
				delete(node, name)
				broken(at + " without " + name)
			}
			node[name] = value
			damage(doc, value, at+"."+name, broken)
		}
	}
}

func required(name, at string) bool {
	if name == "kind" {
		return at == ""
	}
	if name == "path" {
		return at != ".spec"
	}
	return slices.Contains([]string{"apiVersion", "kind", "metadata", "source", "target", "path", "cidr"}, name)
}

// Each schema takes its own kind alone.
func TestSchemaOfKind(t *testing.T) {
	for _, k := range resource.Kinds {
		schema := compiled(t, k)
		for _, other := range resource.Kinds {
			doc := map[string]any{"apiVersion": resource.APIVersion, "kind": string(other), "metadata": map[string]any{"name": "a"}, "spec": map[string]any{}}
			for _, name := range []string{"realmId", "spaceId", "stackId", "cellId"}[:other.Depth()-1] {
				doc["spec"].(map[string]any)[name] = "a"
			}
			if err := schema.Validate(doc); (err == nil) != (k == other) {
				t.Errorf("a %s by the schema of a %s: %v", other, k, err)
			}
		}
	}
}
