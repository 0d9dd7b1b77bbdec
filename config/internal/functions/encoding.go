package functions

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/ianaindex"

	"github.com/kukeon/kuke/config/internal/message"
)

var encodings = map[string]function.Function{
	"base64decode":     ofTexts(base64Decode, "str"),
	"base64encode":     ofTexts(func(args []string) (string, error) { return base64.StdEncoding.EncodeToString([]byte(args[0])), nil }, "str"),
	"base64gzip":       ofTexts(base64Gzip, "str"),
	"csvdecode":        stdlib.CSVDecodeFunc,
	"jsondecode":       stdlib.JSONDecodeFunc,
	"jsonencode":       stdlib.JSONEncodeFunc,
	"textdecodebase64": ofTexts(textDecodeBase64, "source", "encoding"),
	"textencodebase64": ofTexts(textEncodeBase64, "string", "encoding"),
	"urldecode":        ofTexts(func(args []string) (string, error) { return url.QueryUnescape(args[0]) }, "str"),
	"urlencode":        ofTexts(func(args []string) (string, error) { return url.QueryEscape(args[0]), nil }, "str"),
	"yamldecode":       yaml.YAMLDecodeFunc,
	"yamlencode":       yaml.YAMLEncodeFunc,
}

func base64Decode(args []string) (string, error) {
	data, err := base64.StdEncoding.DecodeString(args[0])
	if err != nil {
		return "", function.NewArgErrorf(0, "not base64: %w", err)
	}
	if !utf8.Valid(data) {
		return "", function.NewArgErrorf(0, "encodes bytes that aren't UTF-8, which no text can hold. If it is text in another encoding, use textdecodebase64")
	}
	return string(data), nil
}

func base64Gzip(args []string) (string, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(args[0])); err != nil {
		return "", err
	}
	// Flushing adds an empty block, like Terraform: the results must be identical.
	if err := w.Flush(); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b.Bytes()), nil
}

func textEncodeBase64(args []string) (string, error) {
	enc, err := encodingOf(args[1])
	if err != nil {
		return "", err
	}
	text, err := enc.NewEncoder().String(args[0])
	if err != nil {
		return "", function.NewArgErrorf(0, "has characters that %s lacks", args[1])
	}
	return base64.StdEncoding.EncodeToString([]byte(text)), nil
}

func textDecodeBase64(args []string) (string, error) {
	enc, err := encodingOf(args[1])
	if err != nil {
		return "", err
	}
	data, err := base64.StdEncoding.DecodeString(args[0])
	if err != nil {
		return "", function.NewArgErrorf(0, "not base64: %w", err)
	}
	text, err := enc.NewDecoder().Bytes(data)
	if err != nil || bytes.ContainsRune(text, utf8.RuneError) {
		return "", function.NewArgErrorf(0, "encodes bytes that aren't text in %s", args[1])
	}
	return string(text), nil
}

func encodingOf(name string) (encoding.Encoding, error) {
	enc, err := ianaindex.IANA.Encoding(name)
	if err != nil || enc == nil {
		return nil, function.NewArgErrorf(1, "unknown encoding %q. Use a name of IANA's, such as UTF-16LE", message.Shorten(name))
	}
	return enc, nil
}

func boundCSV(args []cty.Value) error {
	text, ok := textOf(args[0])
	if !ok {
		return nil
	}
	s := size{elements: strings.Count(text, ",") + strings.Count(text, "\n") + strings.Count(text, "\r")}
	return s.bound(ofResult)
}

// maxDepth is the maximum number of levels of a decoded value.
const maxDepth = 100

// boundJSON limits the size of the value of a JSON text, and the work: the decoder reads each level again.
func boundJSON(args []cty.Value) error {
	text, ok := textOf(args[0])
	if !ok {
		return nil
	}
	const mostWork = 1 << 27
	var s size
	depth, work, digits := 0, 0, 0
	quoted := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		work += depth
		digits++
		switch {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
			digits = 0
		case c == '{' || c == '[':
			depth++
			s.elements++
		case c == '}' || c == ']':
			depth--
		case c == ',':
			s.elements++
		}
		if quoted || c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E' && (c < '0' || c > '9') {
			digits = 0
		}
		switch {
		case depth > maxDepth:
			return function.NewArgErrorf(0, "nests more than %d levels", maxDepth)
		case work > mostWork:
			return function.NewArgErrorf(0, "is too large for a value that nests so deeply")
		case digits > maxDigits:
			return function.NewArgErrorf(0, "has a number with more than %d digits", maxDigits)
		}
	}
	return s.bound(limit{ofResult.size, "the value of the JSON text"})
}
