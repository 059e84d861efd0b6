package main

import "stackctl/test/mutants/fault"

const (
	login  = "verify --gate G4"
	secure = `; Secure`
)

// answers changes what one path answers.
func answers(method, path string, r fault.Rule) []fault.Rule {
	r.Method, r.Path = method, path
	return []fault.Rule{r}
}

// cookie changes the attributes of the session cookie as it is set at login.
func cookie(from, to string) []fault.Rule {
	return []fault.Rule{{Path: "/auth/login", Cookie: [][2]string{{"(?i)" + from, to}}}}
}

const problemJSON = `{"type":"about:blank","title":"Unauthorized","status":401}`

// logins let the way in, the guards and the sessions misbehave.
var logins = []mutant{
	{name: "login says that the account does not exist", row: 14, gates: "G4", rule: "auth/enumeration", args: login, faults: []fault.Rule{{Path: "/auth/login", Known: "no", When: 401, Set: map[string]any{"detail": "no such account"}}}},
	{name: "login of an unknown account answers 404", gates: "G4", rule: "auth/enumeration", args: login, faults: []fault.Rule{{Path: "/auth/login", Known: "no", When: 401, Status: 404}}},
	{name: "login tells by a header whether the account exists", gates: "G4", rule: "auth/enumeration", args: login, faults: []fault.Rule{{Path: "/auth/login", Known: "yes", When: 401, Header: map[string]string{"X-Account": "1"}}}},
	{name: "a bad login gives 500", row: 14, gates: "G4", rule: "auth/no-failure", args: login, faults: []fault.Rule{{Path: "/auth/login", When: 401, Status: 500}}},
	{name: "a login of a known account takes 25 ms longer", gates: "G4", rule: "auth/timing", args: login, faults: []fault.Rule{{Path: "/auth/login", Known: "yes", Delay: 25}}},
	{name: "a login of an unknown account skips the hash", gates: "G4", rule: "auth/timing", args: login, faults: []fault.Rule{{Method: "POST", Path: "/auth/login", Known: "no", Answer: true, Status: 401, Body: text(problemJSON), Header: map[string]string{"Content-Type": "application/problem+json", "Cache-Control": "no-store"}}}},
	{name: "sign-up says that the address is taken", gates: "G4", rule: "auth/enumeration", args: login, faults: []fault.Rule{{Path: "/auth/signup", Known: "yes", When: 202, Status: 409}}},
	{name: "an edit without CSRF header is taken", row: 15, gates: "G4", rule: "auth/refusals", args: login, faults: []fault.Rule{{Method: "PATCH", Token: "always"}}},
	{name: "a login without CSRF header is taken", row: 15, gates: "G4", rule: "auth/refusals", args: login, faults: []fault.Rule{{Path: "/auth/login", Token: "always"}}},
	{name: "a logout without CSRF header is taken", gates: "G4", rule: "auth/refusals", args: login, faults: []fault.Rule{{Path: "/auth/logout", Token: "always"}}},
	{name: "a deletion without CSRF header is taken", gates: "G4", rule: "auth/refusals", args: login, faults: []fault.Rule{{Method: "DELETE", Token: "always"}}},
	{name: "the CSRF token of another session is taken", gates: "G4", rule: "auth/refusals", args: login, faults: []fault.Rule{{Method: "PATCH", Token: "any"}}},
	{name: "any origin may edit", gates: "G4", rule: "auth/refusals", args: login, faults: []fault.Rule{{Method: "PATCH", Origin: true}}},
	{name: "any origin may log in", gates: "G4", rule: "auth/refusals", args: login, faults: []fault.Rule{{Path: "/auth/login", Origin: true}}},
	{name: "a form is taken as JSON", gates: "G4", rule: "auth/refusals", args: login, faults: []fault.Rule{{Method: "PATCH", JSON: true}}},
	{name: "cookie without Secure", row: 16, gates: "G4", rule: "auth/cookies", args: login, faults: cookie(secure, "")},
	{name: "cookie without HttpOnly", row: 16, gates: "G4", rule: "auth/cookies", args: login, faults: cookie("; HttpOnly", "")},
	{name: "cookie without SameSite", row: 16, gates: "G4", rule: "auth/cookies", args: login, faults: cookie("; SameSite=Lax", "")},
	{name: "cookie with SameSite=None", gates: "G4", rule: "auth/cookies", args: login, faults: cookie("SameSite=Lax", "SameSite=None")},
	{name: "cookie with a Domain", gates: "G4", rule: "auth/cookies", args: login, faults: cookie("; Path=/", "; Path=/; Domain=stack.localhost")},
	{name: "cookie for one path", gates: "G4", rule: "auth/cookies", args: login, faults: cookie("; Path=/", "; Path=/api")},
	{name: "cookie that lives for ten years", gates: "G4", rule: "auth/cookies", args: login, faults: cookie("Max-Age=[0-9]+", "Max-Age=315360000")},
	{name: "the cookie of the first visit without Secure", gates: "G4", rule: "auth/cookies", args: login, faults: []fault.Rule{{Path: "/auth/csrf", Cookie: [][2]string{{secure, ""}}}}},
	{name: "a guarded endpoint answers 200", row: 17, gates: "G4", rule: "auth/refusals", args: login, faults: answers("GET", "/users/me", fault.Rule{When: 401, Status: 200})},
	{name: "a guarded endpoint redirects", row: 17, gates: "G4", rule: "auth/refusals", args: login, faults: answers("GET", "/users/me", fault.Rule{When: 401, Status: 302, Header: map[string]string{"Location": "/login"}})},
	{name: "a guarded list answers an empty one", gates: "G4", rule: "auth/refusals", args: login, faults: answers("GET", "/users/me/sessions", fault.Rule{When: 401, Status: 200, Body: text("[]")})},
	{name: "a guarded endpoint answers 404", gates: "G4", rule: "auth/refusals", args: login, faults: answers("GET", "/users/me", fault.Rule{When: 401, Status: 404})},
	{name: "a guarded endpoint opens for a made-up header", gates: "G4", rule: "auth/refusals", args: login, faults: answers("PATCH", "/users/me", fault.Rule{When: 401, Status: 200})},
	{name: "a session works on after logout", gates: "G4", rule: "auth/refusals", args: login, faults: answers("POST", "/auth/logout", fault.Rule{Answer: true, Status: 204, Header: map[string]string{"Set-Cookie": "__Host-session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax", "Cache-Control": "no-store"}})},
	{name: "a logout leaves the cookie in the browser", gates: "G4", rule: "auth/cookies", args: login, faults: answers("POST", "/auth/logout", fault.Rule{Header: map[string]string{"Set-Cookie": ""}})},
	{name: "a planted session is adopted at login", gates: "G4", rule: "auth/fixation", args: login, faults: []fault.Rule{{Path: "/auth/login", Fixation: true}}},
	{name: "the session token is in a body", gates: "G4", rule: "auth/token-in-cookie-only", args: login, faults: answers("GET", "/users/me", fault.Rule{When: 200, Set: map[string]any{"token": "{session}"}})},
	{name: "the session token is in a header", gates: "G4", rule: "auth/token-in-cookie-only", args: login, faults: answers("GET", "/users/me", fault.Rule{When: 200, Header: map[string]string{"X-Session": "{session}"}})},
	{name: "everybody is staff", gates: "G4", rule: "auth/privileges", args: login, faults: answers("GET", "/users/me", fault.Rule{When: 200, Set: map[string]any{"is_staff": true}})},
	{name: "an edit is answered but not stored", gates: "G4", rule: "auth/login", args: login, faults: answers("PATCH", "/users/me", fault.Rule{Answer: true, Status: 200, Body: text("{}"), Header: map[string]string{"Content-Type": "application/json"}})},
	{name: "guessing is never refused", gates: "G4", rule: "auth/rate-limit", args: login, faults: answers("POST", "/auth/login", fault.Rule{When: 429, Status: 401})},
	{name: "a refusal without Retry-After", gates: "G4", rule: "auth/retry-after", args: login, faults: answers("POST", "/auth/login", fault.Rule{When: 429, Header: map[string]string{"Retry-After": ""}})},
	{name: "a private answer may be stored", gates: "G4 G8", rule: "auth/no-store", args: login, faults: answers("GET", "/users/me", fault.Rule{Header: map[string]string{"Cache-Control": "private, max-age=60"}})},
	{name: "CORS reflects every origin with cookies", gates: "G4 G8", rule: "auth/cross-origin", args: login, faults: answers("GET", "/users/me", fault.Rule{Header: map[string]string{"Access-Control-Allow-Origin": "{origin}", "Access-Control-Allow-Credentials": "true"}})},
	{name: "an error shows the database's words", gates: "G4", rule: "auth/no-inner-workings", args: login, faults: answers("POST", "/auth/login", fault.Rule{When: 401, Set: map[string]any{"detail": "pq: ERROR: no rows (SQLSTATE 02000)"}})},
	{name: "an error is plain text", gates: "G4", rule: "auth/problem-details", args: login, faults: answers("GET", "/users/me", fault.Rule{When: 401, Body: text("go away"), Header: map[string]string{"Content-Type": "text/plain"}})},
	{name: "login is refused to everybody", gates: "G4", rule: "auth/login", args: login, faults: answers("POST", "/auth/login", fault.Rule{When: 200, Status: 401})},
	{name: "metrics below the API", gates: "G4 G8", rule: "auth/inside-pages", args: login, faults: answers("GET", "/metrics", fault.Rule{Answer: true, Status: 200, Body: text("# HELP up it runs\n# TYPE up gauge\nup 1\n"), Header: map[string]string{"Content-Type": "text/plain"}})},
	{name: "a login by GET", gates: "G4", rule: "auth/refusals", args: login, faults: answers("GET", "/auth/login", fault.Rule{Answer: true, Status: 200, Body: text("{}"), Header: map[string]string{"Content-Type": "application/json"}})},
	{name: "the session token is short", gates: "G4", rule: "auth/cookies", args: login, faults: cookie(`__Host-session=([A-Za-z0-9_-]{8})[A-Za-z0-9_-]+`, `__Host-session=$1`)},
}
