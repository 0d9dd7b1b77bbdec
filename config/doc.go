// Package config reads a configuration, in HCL or YAML, into one tree of typed resources ([resource.Tree]). It is a facade; the
// work is done in packages below internal, along the flow:
//
//	source    files, the places in them, and written values: of YAML at once, of HCL once lang evaluated them
//	lang      modules of HCL: variables, references, for_each, outputs, lifecycle, and the blocks moved, removed, import and check
//	schema    written values → the specs of resources, by the schema that package resource states in its struct tags
//	assemble  resources → one tree, judged as a whole
//	write     the way back: a tree as HCL or YAML, and the schema as JSON Schema and as an explanation
//
// The two languages meet in schema: types, unknown names and bounds are judged once, and in the same words.
//
// The package reads the files that it is pointed at and nothing else: it doesn't ask the host, the state or a registry whether
// a configuration makes sense there. Whatever the input, it returns diagnostics and never panics.
package config
