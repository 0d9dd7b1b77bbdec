// Package look asks the state, the host and the logs about recorded resources: their live states, drift, usage, images and output.
// It changes nothing, takes no lock, and prints nothing: the session reports warnings and notes.
package look
