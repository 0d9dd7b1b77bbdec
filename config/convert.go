package config

import (
	"fmt"
	"strings"

	"github.com/kukeon/kuke/config/internal/lang"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/internal/write"
	"github.com/kukeon/kuke/config/resource"
)

// Convert returns the tree, of which [Input.KeepFiles] has kept the names of files, in the language to, as text of which [Load]
// makes the very same tree. The error names the value
// that can't be written in that language.
func Convert(tree *resource.Tree, to Language) ([]byte, error) {
	encode := write.EncodeHCL
	if to == YAML {
		encode = write.EncodeYAML
	}
	text := encode(tree)
	// It is read under a name that only says the language.
	c, diags := lang.LoadFiles(Input{KeepFiles: true}, []source.File{{Name: "converted." + string(to), Data: text, Named: true}}, nil)
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
