package schemas

import "stackctl/pkg/stackctl/stack"

// The rules of this family, in the order of the text that they are told in.
var (
	tablesRule = stack.Rule{
		ID: "schema/tables", Level: stack.LevelDanger, Source: "SPEC A15",
		Asks: "Does the database have tables?",
		Fix:  "see whether the migrations ran on this database",
	}
	checkRule = stack.Rule{
		ID: "schema/check", Level: stack.LevelDanger, Source: "SPEC A15",
		Asks: "Has the release's own check judged the schema, and does it agree with itself?",
		Fix:  "run the check by hand and read what it prints",
	}
	differsRule = stack.Rule{
		ID: "schema/differs", Level: stack.LevelDanger, Source: "SPEC S12",
		Asks: "Is the live schema what the migrations make?",
		Fix:  "write a migration that makes the schema what it must be, or restore the object",
	}
	pendingRule = stack.Rule{
		ID: "schema/pending", Level: stack.LevelDanger, Source: "SPEC S12",
		Asks: "Are all migrations applied?",
		Fix:  "run the migrate service again and read its log",
	}
	releaseBeforeRule = stack.Rule{
		ID: "schema/release-before", Level: stack.LevelDanger, Source: "SPEC D6",
		Asks: "Can the release before work with the schema?",
		Fix:  "expand first and contract one release later",
	}
)

// Rules are what the findings of this family come from.
var Rules = []stack.Rule{
	tablesRule,
	checkRule,
	differsRule,
	pendingRule,
	releaseBeforeRule,
}
