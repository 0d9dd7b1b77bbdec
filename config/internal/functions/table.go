package functions

import (
	"maps"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/kukeon/kuke/config/internal/sandbox"
)

// Table returns the functions by name, with the restrictions of f on files. They are deterministic, and may be called from
// several goroutines. The caller owns the map.
func Table(f sandbox.Files) map[string]function.Function {
	table := maps.Clone(pure)
	maps.Copy(table, fileFunctions(f))
	maps.Copy(table, templates(f, table))
	return table
}

// pure are the functions that read no files.
var pure = func() map[string]function.Function {
	table := map[string]function.Function{}
	for _, group := range []map[string]function.Function{numbers, texts, collections, encodings, hashes, times, networks, conversions} {
		for name, f := range group {
			table[name] = bounded(f, bounds[name])
		}
	}
	// These get an argument before its evaluation, or return it unchanged.
	maps.Copy(table, attempts)
	maps.Copy(table, sensitivities)
	return table
}()

// bounds are the further limits of the arguments of single functions.
var bounds = map[string]bound{
	"csvdecode":  boundCSV,
	"format":     boundFormat,
	"formatlist": boundFormat,
	"indent":     boundIndent,
	"join":       boundJoin,
	"jsondecode": boundJSON,
	"log":        boundLog,
	"parseint":   boundParseInt,
	"pow":        boundPow,
	"regex":      boundRegex,
	"regexall":   boundRegexAll,
	"replace":    boundReplace,
	"setproduct": boundSetProduct,
	"split":      boundSplit,
	"tonumber":   boundToNumber,
	"yamldecode": boundYAML,
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

// Excluded returns the reason why a function of Terraform is missing, and the alternative; "" for a name that Terraform doesn't
// have either, and for an existing function.
func Excluded(name string) string {
	return excluded[name]
}

const deterministic = "plans are deterministic: "

var excluded = map[string]string{
	"timestamp":     deterministic + "the time would differ between plan and apply. Write the time itself, or pass it as a variable",
	"plantimestamp": deterministic + "the time would differ with every plan. Write the time itself, or pass it as a variable",
	"uuid":          deterministic + "a random UUID would differ with every plan. Use uuidv5, or write a UUID itself",
	"bcrypt":        deterministic + "the random salt would differ with every plan. Create the hash once, and pass it as a variable",
	"rsadecrypt":    "private keys don't belong into a configuration. Decrypt the text outside of it, and pass it as a sensitive variable",

	"filebcrypt":      deterministic + "the random salt would differ with every plan. Create the hash once, and pass it as a variable",
	"base64gunzip":    "a short text can expand to a huge one. Decompress it outside of the configuration, and read it with file",
	"ephemeralasnull": "there are no ephemeral values. Use the value itself, or sensitive to keep it from being shown",
	"defaults":        "Terraform has removed it. Give attributes their default with optional in the type of the variable",
	"list":            "Terraform has removed it. Write [ … ]",
	"map":             "Terraform has removed it. Write { … }",
}
