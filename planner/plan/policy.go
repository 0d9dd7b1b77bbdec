package plan

// Verdict is the judgement of policies on a plan.
type Verdict struct {
	// Digest is the digest of the files of the policies.
	Digest string `json:"digest"`
	// Denied are the reasons why the plan must not be applied: a saved plan has none. Warned are those to look at.
	Denied []Finding `json:"denied"`
	Warned []Finding `json:"warned"`
}

// Finding is the message of a rule of a policy.
type Finding struct {
	// Rule is the name of the rule with that of its package, such as "main.deny".
	Rule    string `json:"rule"`
	Message string `json:"message"`
}
