// Package validate holds the rules that a text must keep beyond its type: a path, a port, a signal, an image. A rule returns
// the text in normal form, or an error with the remedy.
//
// It judges one text by itself and asks nothing of the host. The struct tags of package resource name the rules.
package validate
