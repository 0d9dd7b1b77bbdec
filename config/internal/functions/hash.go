package functions

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"github.com/google/uuid"
	"github.com/zclconf/go-cty/cty/function"
)

// A digest turns bytes into the text of their hash.
type digest func(data []byte) string

var digests = map[string]digest{
	"md5":          func(data []byte) string { sum := md5.Sum(data); return hex.EncodeToString(sum[:]) },
	"sha1":         func(data []byte) string { sum := sha1.Sum(data); return hex.EncodeToString(sum[:]) },
	"sha256":       func(data []byte) string { sum := sha256.Sum256(data); return hex.EncodeToString(sum[:]) },
	"sha512":       func(data []byte) string { sum := sha512.Sum512(data); return hex.EncodeToString(sum[:]) },
	"base64sha256": func(data []byte) string { sum := sha256.Sum256(data); return base64.StdEncoding.EncodeToString(sum[:]) },
	"base64sha512": func(data []byte) string { sum := sha512.Sum512(data); return base64.StdEncoding.EncodeToString(sum[:]) },
}

// hashes has a function of text for each digest. Those of files are in file.go.
var hashes = func() map[string]function.Function {
	table := map[string]function.Function{"uuidv5": ofTexts(uuidV5, "namespace", "name")}
	for name, sum := range digests {
		table[name] = ofTexts(func(args []string) (string, error) { return sum([]byte(args[0])), nil }, "str")
	}
	return table
}()

var namespaces = map[string]uuid.UUID{
	"dns":  uuid.NameSpaceDNS,
	"url":  uuid.NameSpaceURL,
	"oid":  uuid.NameSpaceOID,
	"x500": uuid.NameSpaceX500,
}

func uuidV5(args []string) (string, error) {
	space, ok := namespaces[args[0]]
	if !ok {
		var err error
		if space, err = uuid.Parse(args[0]); err != nil {
			return "", function.NewArgError(0, fmt.Errorf("must be dns, url, oid, x500 or a UUID: %w", err))
		}
	}
	return uuid.NewSHA1(space, []byte(args[1])).String(), nil
}
