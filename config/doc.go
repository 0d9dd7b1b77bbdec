// Package config reads a configuration, in HCL or YAML, into one tree of typed resources ([resource.Tree]). It is a facade; the
// work is done in packages below internal, along the flow:
//
//	sandbox    opens files, only within the directory of the configuration
//	source     files, the places in them, and written values: of YAML at once, of HCL once they are evaluated
//	lang       the use case: modules → values → tree, in this order
//	  module       the blocks of a module, not evaluated
//	  variable     the values assigned to variables
//	  eval         variables, references, for_each, lifecycle, outputs and check blocks
//	  refactoring  the blocks moved, removed and import
//	  console      expressions and values as a console shows them
//	functions  the functions that expressions call
//	schema     written values → the specs of resources, by the schema that package resource states in its struct tags
//	validate   the rules of single texts, such as ports and signals
//	assemble   resources → one tree, judged as a whole
//	write      the way back: a tree as HCL or YAML, and the schema as JSON Schema and as an explanation
//	message    the turns of phrase of diagnostics
//
// The two languages meet in schema: types, unknown names and bounds are judged once, and in the same words.
//
// The package reads the files that it is pointed at and nothing else: it doesn't ask the host, the state or a registry whether
// a configuration makes sense there. Whatever the input, it returns diagnostics and never panics.
package config
