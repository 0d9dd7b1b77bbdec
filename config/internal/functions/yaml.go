package functions

import (
	"errors"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"go.yaml.in/yaml/v3"
)

// maxYAML is the maximum size of a YAML document in bytes: parsing takes many times its size in memory.
const maxYAML = 4 << 20

// boundYAML limits the size of a document's value with all aliases expanded: a few lines can expand to billions of values.
func boundYAML(args []cty.Value) error {
	text, ok := textOf(args[0])
	if !ok {
		return nil
	}
	if len(text) > maxYAML {
		return function.NewArgErrorf(0, "is longer than %d MiB", maxYAML>>20)
	}
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		return function.NewArgError(0, err)
	}
	e := expansion{known: map[*yaml.Node]extent{}, open: map[*yaml.Node]bool{}}
	total, err := e.of(&document, 0)
	if err == nil {
		err = total.bound(limit{ofResult.size, "the value of the YAML text"})
	}
	if err != nil {
		return function.NewArgError(0, err)
	}
	return nil
}

// An extent is the size of a node's value, and the number of its levels.
type extent struct {
	size
	depth int
}

// expansion computes extents. The extent of each node is computed once, so that aliases cost nothing.
type expansion struct {
	known map[*yaml.Node]extent
	open  map[*yaml.Node]bool
}

func (e *expansion) of(n *yaml.Node, depth int) (extent, error) {
	if depth > 4*maxDepth {
		return extent{}, errDeep
	}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if x, ok := e.known[n]; ok {
		return x, nil
	}
	if e.open[n] {
		return extent{}, errors.New("a value can't hold an alias of itself")
	}
	if n.Kind == yaml.ScalarNode && n.Tag != "!!str" && len(n.Value) > maxDigits {
		return extent{}, errors.New("has a number with too many digits")
	}
	e.open[n] = true
	x := extent{size{1, len(n.Value)}, 1}
	for _, child := range n.Content {
		c, err := e.of(child, depth+1)
		if err != nil {
			return extent{}, err
		}
		// Numbers above the limit must not overflow.
		x.elements = min(x.elements+c.elements, 2*maxElements)
		x.text = min(x.text+c.text, 2*maxText)
		x.depth = max(x.depth, 1+c.depth)
	}
	delete(e.open, n)
	if x.depth > maxDepth {
		return extent{}, errDeep
	}
	e.known[n] = x
	return x, nil
}

var errDeep = errors.New("nests too deeply")
