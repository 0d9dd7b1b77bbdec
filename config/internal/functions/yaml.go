package functions

import (
	"errors"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"go.yaml.in/yaml/v3"
)

// maxYAML bounds the text of a YAML document, which takes many times its size to parse.
const maxYAML = 4 << 20

// checkYAML bounds what a document stands for, aliases followed: a few lines of those can stand for billions of values.
func checkYAML(args []cty.Value) error {
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
		err = total.check(limit{ofResult.size, "what the YAML stands for"})
	}
	if err != nil {
		return function.NewArgError(0, err)
	}
	return nil
}

// An extent is what a node stands for, and how many levels it has.
type extent struct {
	size
	depth int
}

// expansion works out extents. Each node that has been seen is known, so that aliases cost nothing.
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
		// More than that is too much already, and must not overflow.
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
