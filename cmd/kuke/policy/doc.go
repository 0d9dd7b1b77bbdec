// Package policy checks a plan with policies in Rego, the language of the Open Policy Agent. The rules have the names that
// conftest gives them: deny, violation and warn, also with a suffix such as deny_public_ports, and exception. Their input is the
// plan in Terraform's JSON format ([planner/jsonplan]), so that policies written for Terraform run unchanged. The package reads
// the files of policies, and knows neither the host nor the state. The functions of Rego that use the network are refused.
package policy
