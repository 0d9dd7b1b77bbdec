// Package history keeps the audit trail of a state: who carried out which plan, when, from where, and with which outcome.
//
// history.jsonl beside the state holds two lines of JSON for each plan that was carried out, joined by their number: "begin"
// is on the disk before the first step, and "end" follows the last one. A process that is killed in between leaves the first
// line alone. Beside the lines, .history/N.plan.json.gz holds the plan and .history/N.configuration.json.gz the specs of the
// project's resources after it, both without sensitive values, for the last plans only.
//
// The caller holds the lock of the state to write, and needs none to read. The trail outlives the resources: a state from
// which everything was destroyed still has it.
package history
