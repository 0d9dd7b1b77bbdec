// Package variable collects the values that are assigned to the variables of the root module: by the environment, by files of
// assignments and on the command line.
package variable
