// Package message holds the turns of phrase that diagnostics share: the length of a quoted text, the name that may have been meant,
// the beginning and the end of a sentence. It knows nothing of configurations.
package message
