// Package message holds the turns of phrase that diagnostics share: how long a quoted text is, what may have been meant,
// how a sentence begins and ends. It knows nothing of configurations.
package message
