package config

import (
	"io"

	"github.com/kukeon/kuke/config/internal/source"
)

// Language is one of the two spellings of a configuration.
type Language = source.Language

// The languages.
const (
	HCL  = source.HCL
	YAML = source.YAML
)

// LanguageOf returns the language of a file, by its name, else by its content.
func LanguageOf(name string, data []byte) Language { return source.LanguageOf(name, data) }

// ReadInput reads what can be given to [Input.Stdin] more than once, as far as Load takes it.
func ReadInput(r io.Reader) ([]byte, error) { return source.ReadInput(r) }
