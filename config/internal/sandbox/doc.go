// Package sandbox opens files within one directory, the configuration's, and refuses paths and links that lead out of it.
package sandbox
