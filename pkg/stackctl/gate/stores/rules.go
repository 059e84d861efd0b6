package stores

import "stackctl/pkg/stackctl/stack"

// The rules of this family, in the order of the text that they are told in.
var (
	passwordRule = stack.Rule{
		ID: "stores/password", Level: stack.LevelStrict, Source: "ASVS 13.2.1; CIS PostgreSQL 5.1; SPEC S2",
		Asks: "Do the stores ask everyone on their networks for a password?",
		Fix:  "set a password for the user, and let the store demand it",
	}
	superuserRule = stack.Rule{
		ID: "stores/superuser", Level: stack.LevelStrict, Source: "ASVS 13.2.2; CIS PostgreSQL 4.1",
		Asks: "Has the database one superuser, the one that it was made with?",
		Fix:  "ALTER ROLE … NOSUPERUSER, or drop the role",
	}
	durabilityRule = stack.Rule{
		ID: "stores/durability", Level: stack.LevelDanger, Source: "PostgreSQL 20.5; SPEC S2",
		Asks: "Does the database itself outlive a loss of power?",
		Fix:  "remove the setting (ALTER SYSTEM RESET …, ALTER ROLE … RESET …), and reload",
	}
	commitRule = stack.Rule{
		ID: "stores/commit", Level: stack.LevelStrict, Source: "PostgreSQL 20.5; SPEC S2",
		Asks: "Does the last thing that the database has confirmed outlive a loss of power?",
		Fix:  "remove the setting (ALTER SYSTEM RESET …, ALTER ROLE … RESET …), and reload",
	}
	askedRule = stack.Rule{
		ID: "stores/asked", Level: stack.LevelStrict, Source: "SPEC N5",
		Asks: "Does each store that is known say what it is asked?",
		Fix:  "let the image's own user sign in with psql inside the container, or let the store answer on its usual port",
	}
)

// Rules are what the findings of this family come from.
var Rules = []stack.Rule{passwordRule, superuserRule, durabilityRule, commitRule, askedRule}
