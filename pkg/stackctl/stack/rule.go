package stack

// Level is how much a finding weighs.
type Level string

// The levels. A finding of level danger (data loss, a leaked secret, an open
// port, a wrong certificate, a broken sign-in) fails under every policy. One
// of level strict fails under PolicyStrict and is advice under PolicyStandard.
const (
	LevelDanger Level = "danger"
	LevelStrict Level = "strict"
)

// Policy decides what findings of level strict do.
type Policy string

// The policies.
const (
	PolicyStrict   Policy = "strict"
	PolicyStandard Policy = "standard"
)

// Rule is what findings come from: one thing that a gate asks.
type Rule struct {
	// ID is stable: the family and a name, such as "compose/mem-limit".
	ID    string `json:"id"`
	Level Level  `json:"level"`
	// Asks is the question in one sentence: "Does every service have a memory limit?".
	Asks string `json:"asks"`
	// Source is where the rule comes from: an RFC section, an ASVS item, a SPEC row.
	Source string `json:"source"`
	// Fix is what to do about a finding where the finding itself does not.
	Fix string `json:"fix"`
}
