package evidence

import "stackctl/pkg/stackctl/stack"

// The rules of gate G10.
var (
	wholeRule = stack.Rule{
		ID: "evidence/whole", Level: stack.LevelDanger, Source: "SPEC §8; ASVS 16.4.2",
		Asks: "Are the run's artifacts complete and unaltered?",
		Fix:  "find out who else writes to the run's folder, then run again",
	}
	noSecretRule = stack.Rule{
		ID: "evidence/no-secret", Level: stack.LevelDanger, Source: "SPEC §8; ASVS 16.2.5",
		Asks: "Are the run's artifacts free of secrets, in every encoding?",
		Fix:  "change that secret, delete this run's folder, and report how it came there",
	}
)

// Rules are what the findings of gate G10 come from. No exception excuses them.
var Rules = []stack.Rule{wholeRule, noSecretRule}
