package config

import (
	"fmt"
	"strings"

	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/internal/write"
	"github.com/kukeon/kuke/config/resource"
)

// Convert returns the tree in the language to. The error says what can't be put in it: [Load] of the result always
// gives the very same tree.
func Convert(tree *resource.Tree, to source.Language) ([]byte, error) {
	encode := write.EncodeHCL
	if to == source.YAML {
		encode = write.EncodeYAML
	}
	text := encode(tree)
	// It is read under a name that only says the language.
	c, diags := load(Input{}, []source.File{{Name: "converted." + string(to), Data: text, Named: true}}, nil)
	if diags.HasErrors() {
		for i := range diags {
			diags[i].Subject = resource.Range{} // nobody wrote that text
		}
		return nil, fmt.Errorf("it can't be put in %s: %w", strings.ToUpper(string(to)), diags)
	}
	if err := write.Same(tree, c.Tree, to); err != nil {
		return nil, err
	}
	return text, nil
}
