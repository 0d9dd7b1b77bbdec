package source

import (
	"bytes"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/kukeon/kuke/config/resource"
)

// Files are the files that were read: their texts by name, and their names in the order of the reading.
type Files struct {
	Texts map[string][]byte
	Names []string
}

// NewFiles returns the set of no files.
func NewFiles() *Files { return &Files{Texts: map[string][]byte{}} }

// Add adds a file, or replaces its text.
func (s *Files) Add(name string, data []byte) {
	if _, ok := s.Texts[name]; !ok {
		s.Names = append(s.Names, name)
	}
	s.Texts[name] = data
}

// Text returns the text at r.
func (s *Files) Text(r hcl.Range) string {
	data := s.Texts[r.Filename]
	if r.Start.Byte > r.End.Byte || r.End.Byte > len(data) {
		return ""
	}
	return string(data[r.Start.Byte:r.End.Byte])
}

// Sort returns diagnostics in the order of the files and of the places in them, each once: an error in a block is found in
// each of its instances.
func (s *Files) Sort(diags resource.Diagnostics) resource.Diagnostics {
	seen := map[resource.Diagnostic]bool{}
	diags = slices.DeleteFunc(diags, func(d resource.Diagnostic) bool {
		d.Path = ""
		repeated := seen[d]
		seen[d] = true
		return repeated
	})
	slices.SortStableFunc(diags, func(a, b resource.Diagnostic) int {
		if a.Subject.File != b.Subject.File {
			return slices.Index(s.Names, a.Subject.File) - slices.Index(s.Names, b.Subject.File)
		}
		return a.Subject.Start.Byte - b.Subject.Start.Byte
	})
	return diags
}

// Hide keeps the content of a file from being shown with an error in it.
func (s *Files) Hide(name string) {
	hidden := bytes.Clone(s.Texts[name])
	for i, b := range hidden {
		if b > ' ' {
			hidden[i] = '*'
		}
	}
	s.Texts[name] = hidden
}
