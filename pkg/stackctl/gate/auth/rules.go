package auth

import "stackctl/pkg/stackctl/stack"

// The rules of this family, in the order of the text that they are told in.
var (
	noFailureRule = stack.Rule{
		ID: "auth/no-failure", Level: stack.LevelDanger, Source: "SPEC A13",
		Asks: "Does the server answer every step without failing?",
		Fix:  "see the log of the service",
	}
	problemDetailsRule = stack.Rule{
		ID: "auth/problem-details", Level: stack.LevelStrict, Source: "RFC 9457; SPEC A12",
		Asks: "Are refusals told as problem details?",
		Fix:  "answer with application/problem+json",
	}
	noInnerWorkingsRule = stack.Rule{
		ID: "auth/no-inner-workings", Level: stack.LevelDanger, Source: "ASVS 16.5.1",
		Asks: "Do error answers keep the inner workings to themselves?",
		Fix:  "answer with a plain problem",
	}
	tokenInCookieOnlyRule = stack.Rule{
		ID: "auth/token-in-cookie-only", Level: stack.LevelDanger, Source: "ASVS 7.2.4",
		Asks: "Does the session token leave in Set-Cookie only?",
		Fix:  "send the token in the cookie only",
	}
	enumerationRule = stack.Rule{
		ID: "auth/enumeration", Level: stack.LevelDanger, Source: "ASVS 6.3.8; SPEC A4",
		Asks: "Do answers keep to themselves whether an account exists?",
		Fix:  "answer the same way for known and unknown accounts",
	}
	timingRule = stack.Rule{
		ID: "auth/timing", Level: stack.LevelDanger, Source: "ASVS 6.3.8; SPEC A4",
		Asks: "Does the time of a login keep to itself whether an account exists?",
		Fix:  "hash a password for unknown accounts as well",
	}
	csrfTokenRule = stack.Rule{
		ID: "auth/csrf-token", Level: stack.LevelDanger, Source: "ASVS 3.5.1; SPEC A3",
		Asks: "Is there a CSRF token before login?",
		Fix:  "hand one out at gates.auth.csrf",
	}
	insidePagesRule = stack.Rule{
		ID: "auth/inside-pages", Level: stack.LevelDanger, Source: "ASVS 13.4.5",
		Asks: "Are inside pages closed to strangers?",
		Fix:  "guard the page",
	}
	rateLimitRule = stack.Rule{
		ID: "auth/rate-limit", Level: stack.LevelDanger, Source: "ASVS 6.3.1; SPEC A5",
		Asks: "Is guessing slowed down?",
		Fix:  "limit by account and by address",
	}
	retryAfterRule = stack.Rule{
		ID: "auth/retry-after", Level: stack.LevelStrict, Source: "RFC 6585 §4",
		Asks: "Does a refusal for too many tries say when to come back?",
		Fix:  "send Retry-After",
	}
	oauthRedirectRule = stack.Rule{
		ID: "auth/oauth-redirect", Level: stack.LevelDanger, Source: "RFC 9700 §2.1; ASVS 10.4.6",
		Asks: "Does the provider's sign-in start with state, nonce, PKCE and a redirect of this site?",
		Fix:  "make each anew for every sign-in",
	}
	oauthCallbackRule = stack.Rule{
		ID: "auth/oauth-callback", Level: stack.LevelDanger, Source: "RFC 9700 §4.7",
		Asks: "Is a forged callback of the provider refused?",
		Fix:  "compare state and nonce with the browser's own",
	}
	refusalsRule = stack.Rule{
		ID: "auth/refusals", Level: stack.LevelDanger, Source: "ASVS 8.2.1; SPEC A3",
		Asks: "Is everything refused that must be?",
		Fix:  "refuse it before anything is changed",
	}
	crossOriginRule = stack.Rule{
		ID: "auth/cross-origin", Level: stack.LevelDanger, Source: "ASVS 3.4.2",
		Asks: "Are private answers closed to other sites?",
		Fix:  "allow named origins only",
	}
	privilegesRule = stack.Rule{
		ID: "auth/privileges", Level: stack.LevelDanger, Source: "ASVS 8.2.3",
		Asks: "Can no user raise its own rights?",
		Fix:  "take only the fields that users may change",
	}
	cookiesRule = stack.Rule{
		ID: "auth/cookies", Level: stack.LevelDanger, Source: "ASVS 3.3.1; RFC 6265bis §4.1",
		Asks: "Do cookies carry Secure, HttpOnly and SameSite, for this host alone?",
		Fix:  "set the attribute",
	}
	signUpRule = stack.Rule{
		ID: "auth/sign-up", Level: stack.LevelDanger, Source: "SPEC A1",
		Asks: "Can a user sign up?",
		Fix:  "see the log of the service",
	}
	loginRule = stack.Rule{
		ID: "auth/login", Level: stack.LevelDanger, Source: "SPEC A2; SPEC A6",
		Asks: "Can a user log in, and read and edit itself?",
		Fix:  "see the log of the service",
	}
	fixationRule = stack.Rule{
		ID: "auth/fixation", Level: stack.LevelDanger, Source: "ASVS 7.2.4",
		Asks: "Does the session change at login?",
		Fix:  "make a new session at login",
	}
	logoutRule = stack.Rule{
		ID: "auth/logout", Level: stack.LevelDanger, Source: "ASVS 7.4.1",
		Asks: "Does logout end the session?",
		Fix:  "end the session on the server, and take the cookie back",
	}
	noStoreRule = stack.Rule{
		ID: "auth/no-store", Level: stack.LevelDanger, Source: "ASVS 14.3.2",
		Asks: "Are private answers kept out of caches?",
		Fix:  "send Cache-Control: no-store",
	}
)

// Rules are what the findings of this family come from.
var Rules = []stack.Rule{
	noFailureRule,
	problemDetailsRule,
	noInnerWorkingsRule,
	tokenInCookieOnlyRule,
	enumerationRule,
	timingRule,
	csrfTokenRule,
	insidePagesRule,
	rateLimitRule,
	retryAfterRule,
	oauthRedirectRule,
	oauthCallbackRule,
	refusalsRule,
	crossOriginRule,
	privilegesRule,
	cookiesRule,
	signUpRule,
	loginRule,
	fixationRule,
	logoutRule,
	noStoreRule,
}
