// Package lang makes a configuration of the files that were found: it reads modules ([module]), collects the values of
// variables ([variable]), evaluates ([eval]), assembles the tree, and reads the blocks moved, removed and import
// ([refactoring]).
package lang
