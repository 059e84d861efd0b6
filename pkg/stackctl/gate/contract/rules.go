package contract

import "stackctl/pkg/stackctl/stack"

// The rules of this family, in the order of the text that they are told in.
var (
	documentRule = stack.Rule{
		ID: "contract/document", Level: stack.LevelStrict, Source: "ASVS 4.1.4; SPEC A12",
		Asks: "Is the contract a valid, self-contained OpenAPI 3 document?",
		Fix:  "correct the document",
	}
	operationIDRule = stack.Rule{
		ID: "contract/operation-id", Level: stack.LevelStrict, Source: "SPEC A12",
		Asks: "Has every operation an operationId of its own?",
		Fix:  "name the operation",
	}
	securityDecidedRule = stack.Rule{
		ID: "contract/security-decided", Level: stack.LevelStrict, Source: "ASVS 8.1.1; SPEC A13",
		Asks: "Does the contract decide security for every operation?",
		Fix:  "write security, with [] for an open operation",
	}
	guardedRule = stack.Rule{
		ID: "contract/guarded", Level: stack.LevelDanger, Source: "ASVS 8.2.1; SPEC A13",
		Asks: "Is every operation that asks who the client is guarded?",
		Fix:  "demand the session's scheme",
	}
	csrfRule = stack.Rule{
		ID: "contract/csrf", Level: stack.LevelDanger, Source: "ASVS 3.5.1; SPEC A3",
		Asks: "Does every change by cookie need a CSRF token?",
		Fix:  "demand the header's scheme beside the cookie's",
	}
	responsesRule = stack.Rule{
		ID: "contract/responses", Level: stack.LevelStrict, Source: "SPEC A12",
		Asks: "Does every operation document its success and its refusals?",
		Fix:  "document the response",
	}
	problemDetailsRule = stack.Rule{
		ID: "contract/problem-details", Level: stack.LevelStrict, Source: "RFC 9457; SPEC A12",
		Asks: "Are errors documented as problem details?",
		Fix:  "use application/problem+json",
	}
	credentialInURLRule = stack.Rule{
		ID: "contract/credential-in-url", Level: stack.LevelDanger, Source: "ASVS 14.2.1",
		Asks: "Are credentials kept out of URLs?",
		Fix:  "move it to a header or the body",
	}
	bodySchemaRule = stack.Rule{
		ID: "contract/body-schema", Level: stack.LevelStrict, Source: "ASVS 4.1.4",
		Asks: "Does every request body have a schema?",
		Fix:  "describe the body",
	}
	serversRule = stack.Rule{
		ID: "contract/servers", Level: stack.LevelStrict, Source: "ASVS 4.1.4; SPEC A12",
		Asks: "Are clients sent to this site, and to where it serves the API?",
		Fix:  "name the site's own prefix as the server",
	}
	configuredPathsRule = stack.Rule{
		ID: "contract/configured-paths", Level: stack.LevelStrict, Source: "SPEC A12",
		Asks: "Are the paths that stackctl.yaml names in the contract?",
		Fix:  "correct stackctl.yaml or the contract",
	}
	breaksClientsRule = stack.Rule{
		ID: "contract/breaks-clients", Level: stack.LevelDanger, Source: "SPEC D6",
		Asks: "Can clients of the release before live with this one?",
		Fix:  "add beside the old instead of changing it, and remove the old one release later",
	}
	driftRule = stack.Rule{
		ID: "contract/drift", Level: stack.LevelStrict, Source: "SPEC A12; ASVS 4.1.4",
		Asks: "Is what runs the committed contract?",
		Fix:  "make the service and the contract agree",
	}
	releaseRule = stack.Rule{
		ID: "contract/release", Level: stack.LevelDanger, Source: "SPEC D4",
		Asks: "Does every open answer that names its release name this one?",
		Fix:  "see which container answers; what is told is not what was deployed",
	}
	answersRule = stack.Rule{
		ID: "contract/answers", Level: stack.LevelStrict, Source: "SPEC A12",
		Asks: "Do open operations answer as documented?",
		Fix:  "make the answer and the contract agree",
	}
)

// Rules are what the findings of this family come from.
var Rules = []stack.Rule{
	documentRule,
	operationIDRule,
	securityDecidedRule,
	guardedRule,
	csrfRule,
	responsesRule,
	problemDetailsRule,
	credentialInURLRule,
	bodySchemaRule,
	serversRule,
	configuredPathsRule,
	breaksClientsRule,
	driftRule,
	answersRule,
	releaseRule,
}
