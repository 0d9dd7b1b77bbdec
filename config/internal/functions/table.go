package functions

import (
	"maps"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// Table returns the functions by name, with files read as f says. They are deterministic, and may be called from more
// than one goroutine. The map is the caller's.
func Table(f Files) map[string]function.Function {
	table := maps.Clone(pure)
	maps.Copy(table, f.functions())
	maps.Copy(table, templates(f, table))
	return table
}

// pure are the functions that read no files.
var pure = func() map[string]function.Function {
	table := map[string]function.Function{}
	for _, group := range []map[string]function.Function{numbers, texts, collections, encodings, hashes, times, networks, conversions} {
		for name, f := range group {
			table[name] = bounded(f, checks[name])
		}
	}
	// These see an argument before it is evaluated, or return it as it is.
	maps.Copy(table, attempts)
	maps.Copy(table, sensitivities)
	return table
}()

// checks are what the arguments of a function have to meet besides the limits for every function.
var checks = map[string]check{
	"csvdecode":  checkCSV,
	"format":     checkFormat,
	"formatlist": checkFormat,
	"indent":     checkIndent,
	"join":       checkJoin,
	"jsondecode": checkJSON,
	"log":        checkLog,
	"parseint":   checkParseInt,
	"pow":        checkPow,
	"regex":      checkRegex,
	"regexall":   checkRegexAll,
	"replace":    checkReplace,
	"setproduct": checkSetProduct,
	"split":      checkSplit,
	"tonumber":   checkToNumber,
	"yamldecode": checkYAML,
}

var conversions = map[string]function.Function{
	"tobool":   stdlib.MakeToFunc(cty.Bool),
	"tolist":   stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)),
	"tomap":    stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)),
	"tonumber": stdlib.MakeToFunc(cty.Number),
	"toset":    stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)),
	"tostring": stdlib.MakeToFunc(cty.String),
	"type":     typeFunc,
}

// Excluded returns why a function that users of Terraform know is not there, and what to do instead; "" for a name that
// Terraform doesn't know either, or that is there.
func Excluded(name string) string {
	return excluded[name]
}

const deterministic = "plans are deterministic: "

var excluded = map[string]string{
	"timestamp":     deterministic + "the time would differ between plan and apply. Write the time itself, or hand it over as a variable",
	"plantimestamp": deterministic + "the time would differ with every plan. Write the time itself, or hand it over as a variable",
	"uuid":          deterministic + "a random UUID would differ with every plan. Use uuidv5, or write a UUID itself",
	"bcrypt":        deterministic + "the random salt would differ with every plan. Make the hash once, and hand it over as a variable",
	"rsadecrypt":    "private keys don't belong into a configuration. Decrypt outside of it, and hand the text over as a sensitive variable",

	"filebcrypt":      deterministic + "the random salt would differ with every plan. Make the hash once, and hand it over as a variable",
	"base64gunzip":    "a little text can stand for much. Unpack it outside of the configuration, and read it with file",
	"ephemeralasnull": "there are no ephemeral values. Use the value itself, or sensitive to keep it from being shown",
	"defaults":        "Terraform has removed it. Give attributes their default with optional in the type of the variable",
	"list":            "Terraform has removed it. Write [ … ]",
	"map":             "Terraform has removed it. Write { … }",
}
