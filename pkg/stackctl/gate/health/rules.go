package health

import "stackctl/pkg/stackctl/stack"

// The rules of this family, in the order of the text that they are told in.
var (
	answersRule = stack.Rule{
		ID: "health/answers", Level: stack.LevelDanger, Source: "SPEC A14",
		Asks: "Does every endpoint answer every request?",
		Fix:  "see the service's log",
	}
	latencyRule = stack.Rule{
		ID: "health/latency", Level: stack.LevelStrict, Source: "SPEC A14; ASVS 13.2.6",
		Asks: "Is the 95th percentile of the time below the threshold?",
		Fix:  "see what the service waits for",
	}
	samplesRule = stack.Rule{
		ID: "health/samples", Level: stack.LevelStrict, Source: "SPEC A14",
		Asks: "Were enough samples taken to judge by?",
		Fix:  "see why requests were refused",
	}
	identityRule = stack.Rule{
		ID: "health/identity", Level: stack.LevelDanger, Source: "SPEC D4",
		Asks: "Is the answer of this release, and does it say that it is well?",
		Fix:  "see the service's log; what answers is not what was deployed",
	}
)

// Rules are what the findings of this family come from.
var Rules = []stack.Rule{
	answersRule,
	latencyRule,
	samplesRule,
	identityRule,
}
