package headers

import "stackctl/pkg/stackctl/stack"

// The rules of this family, in the order of the text that they are told in.
var (
	dashboardRule = stack.Rule{
		ID: "headers/dashboard", Level: stack.LevelDanger, Source: "SPEC §3; ASVS 13.4.5",
		Asks: "Is the edge's API behind a password?",
		Fix:  "remove api.insecure and api.debug, and guard api@internal",
	}
	insideAPIRule = stack.Rule{
		ID: "headers/inside-api", Level: stack.LevelStrict, Source: "SPEC §3; ASVS 13.4.5",
		Asks: "Does the edge's API, which only the server and the edge's networks reach, ask for a password there too?",
		Fix:  "guard the router of api@internal with basicAuth; with stackctl's own edge, give a route `guard: staff`",
	}
	insidePagesRule = stack.Rule{
		ID: "headers/inside-pages", Level: stack.LevelDanger, Source: "ASVS 13.4.5",
		Asks: "Are pages of the inside kept off the published entry points?",
		Fix:  "move it to an inside entry point",
	}
	publicMetricsRule = stack.Rule{
		ID: "headers/public-metrics", Level: stack.LevelStrict, Source: "ASVS 13.4.5",
		Asks: "Are the figures of services kept off the published entry points?",
		Fix:  "serve them on a port that no route leads to, or ask for a password there",
	}
	loggedSecretsRule = stack.Rule{
		ID: "headers/logged-secrets", Level: stack.LevelDanger, Source: "ASVS 16.2.5",
		Asks: "Are passwords and sessions kept out of logs and traces?",
		Fix:  "drop the headers",
	}
	upstreamTrustRule = stack.Rule{
		ID: "headers/upstream-trust", Level: stack.LevelDanger, Source: "ASVS 12.3.2",
		Asks: "Are the certificates of services and guards checked?",
		Fix:  "remove insecureSkipVerify and name the authority",
	}
	secondSourceRule = stack.Rule{
		ID: "headers/second-source", Level: stack.LevelDanger, Source: "SPEC §3",
		Asks: "Do static settings stand in one source?",
		Fix:  "remove it",
	}
	clientAddressRule = stack.Rule{
		ID: "headers/client-address", Level: stack.LevelDanger, Source: "ASVS 4.1.3",
		Asks: "Does the edge alone say where a client comes from?",
		Fix:  "trust nobody, or the addresses of your own proxy only",
	}
	redirectPermanentRule = stack.Rule{
		ID: "headers/redirect-permanent", Level: stack.LevelStrict, Source: "RFC 6797 §7.2",
		Asks: "Is the redirect to https permanent?",
		Fix:  "write permanent: true",
	}
	pathsCleanedRule = stack.Rule{
		ID: "headers/paths-cleaned", Level: stack.LevelDanger, Source: "ASVS 13.4.5",
		Asks: "Are paths cleaned before they are routed?",
		Fix:  "remove the setting",
	}
	staffPasswordRule = stack.Rule{
		ID: "headers/staff-password", Level: stack.LevelDanger, Source: "SPEC §3; ASVS 13.4.5",
		Asks: "Does every staff route ask for the right password?",
		Fix:  "guard the route with basicAuth",
	}
	staffAllowlistRule = stack.Rule{
		ID: "headers/staff-allowlist", Level: stack.LevelStrict, Source: "SPEC §3; ASVS 13.4.5",
		Asks: "Is every staff route closed to addresses that are not allowed?",
		Fix:  "add ipAllowList to the route",
	}
	staffWorksRule = stack.Rule{
		ID: "headers/staff-works", Level: stack.LevelStrict, Source: "SPEC §3",
		Asks: "Does the right password open the staff pages?",
		Fix:  "see that the password file and the edge's user file belong together",
	}
	staffBypassRule = stack.Rule{
		ID: "headers/staff-bypass", Level: stack.LevelDanger, Source: "SPEC §3",
		Asks: "Do only staff routes lead to what staff sees?",
		Fix:  "guard the route, or remove it",
	}
	usersFileRule = stack.Rule{
		ID: "headers/users-file", Level: stack.LevelDanger, Source: "ASVS 11.4.2",
		Asks: "Are the guard's users in a file of their own, with strong hashes?",
		Fix:  "make the file with htpasswd -B",
	}
	hstsRule = stack.Rule{
		ID: "headers/hsts", Level: stack.LevelStrict, Source: "ASVS 3.4.1; RFC 6797",
		Asks: "Do all answers carry HSTS for a year, and public ones with the subdomains?",
		Fix:  "add it to the headers middleware",
	}
	nosniffRule = stack.Rule{
		ID: "headers/nosniff", Level: stack.LevelStrict, Source: "ASVS 3.4.4",
		Asks: "Do all answers carry nosniff?",
		Fix:  "add it to the headers middleware",
	}
	framingRule = stack.Rule{
		ID: "headers/framing", Level: stack.LevelStrict, Source: "ASVS 3.4.6",
		Asks: "Do all answers deny framing?",
		Fix:  "add it to the headers middleware",
	}
	referrerRule = stack.Rule{
		ID: "headers/referrer", Level: stack.LevelStrict, Source: "ASVS 3.4.5",
		Asks: "Do all answers carry a referrer policy?",
		Fix:  "add it to the headers middleware",
	}
	permissionsRule = stack.Rule{
		ID: "headers/permissions", Level: stack.LevelStrict, Source: "W3C Permissions Policy",
		Asks: "Do public answers carry a permissions policy?",
		Fix:  "add it to the headers middleware",
	}
	cspRule = stack.Rule{
		ID: "headers/csp", Level: stack.LevelStrict, Source: "ASVS 3.4.3",
		Asks: "Do public answers carry a strict content security policy?",
		Fix:  "add it to the headers middleware",
	}
	thirdPartyRule = stack.Rule{
		ID: "headers/third-party-code", Level: stack.LevelStrict, Source: "ASVS 3.6.1",
		Asks: "Does the content security policy let the site's own hosts alone run code?",
		Fix:  "serve the script from the site, or excuse the one host that must be trusted",
	}
	headersFirstRule = stack.Rule{
		ID: "headers/headers-first", Level: stack.LevelStrict, Source: "SPEC §3",
		Asks: "Are headers set before anything answers?",
		Fix:  "put the headers middleware first",
	}
	serverHeaderRule = stack.Rule{
		ID: "headers/server-header", Level: stack.LevelStrict, Source: "ASVS 13.4.6",
		Asks: "Do answers keep names and versions of programs to themselves?",
		Fix:  "empty the header in customResponseHeaders",
	}
	traceRule = stack.Rule{
		ID: "headers/trace", Level: stack.LevelStrict, Source: "ASVS 13.4.4; RFC 9110 §9.3.8",
		Asks: "Does no public route answer TRACE with the request?",
		Fix:  "switch TRACE off in the service, or let its route match the methods that it serves",
	}
	noRetryRule = stack.Rule{
		ID: "headers/no-retry", Level: stack.LevelDanger, Source: "RFC 9110 §9.2.2",
		Asks: "Is a request that changes something sent once only?",
		Fix:  "limit retry to routes that change nothing",
	}
	rateLimitRule = stack.Rule{
		ID: "headers/rate-limit", Level: stack.LevelStrict, Source: "ASVS 15.2.2",
		Asks: "Is the rate of every public route limited, by the client's own address?",
		Fix:  "add a rateLimit middleware",
	}
	timeoutsRule = stack.Rule{
		ID: "headers/timeouts", Level: stack.LevelStrict, Source: "ASVS 15.2.2",
		Asks: "Does the edge end connections that send nothing?",
		Fix:  "set readTimeout",
	}
	stickyCookieRule = stack.Rule{
		ID: "headers/sticky-cookie", Level: stack.LevelStrict, Source: "ASVS 3.3.1",
		Asks: "Is the edge's own cookie Secure and HttpOnly?",
		Fix:  "write both",
	}
	plainHTTPRule = stack.Rule{
		ID: "headers/plain-http", Level: stack.LevelDanger, Source: "ASVS 12.2.1",
		Asks: "Does everything go over https?",
		Fix:  "redirect to https",
	}
	requestHeadersRule = stack.Rule{
		ID: "headers/request-headers", Level: stack.LevelDanger, Source: "ASVS 4.1.3",
		Asks: "Do services learn who asks from the edge alone?",
		Fix:  "remove the header",
	}
	corsRule = stack.Rule{
		ID: "headers/cors", Level: stack.LevelDanger, Source: "ASVS 3.4.2",
		Asks: "Are answers with cookies closed to other sites?",
		Fix:  "allow named origins only",
	}
	openRedirectRule = stack.Rule{
		ID: "headers/open-redirect", Level: stack.LevelDanger, Source: "ASVS 3.7.2",
		Asks: "Do redirects stay on the site?",
		Fix:  "redirect to known places only",
	}
	routingRule = stack.Rule{
		ID: "headers/routing", Level: stack.LevelDanger, Source: "SPEC §3",
		Asks: "Does every public route lead to the service that is meant?",
		Fix:  "correct the rule or the priority",
	}
	unknownHostRule = stack.Rule{
		ID: "headers/unknown-host", Level: stack.LevelDanger, Source: "SPEC §3",
		Asks: "Are hosts that nobody named answered by nobody?",
		Fix:  "give every router a Host rule",
	}
	oddPathsRule = stack.Rule{
		ID: "headers/odd-paths", Level: stack.LevelStrict, Source: "ASVS 16.5.3",
		Asks: "Does the site answer odd paths without failing?",
		Fix:  "handle the path",
	}
	cachingRule = stack.Rule{
		ID: "headers/caching", Level: stack.LevelStrict, Source: "RFC 9111; SPEC §3",
		Asks: "Do pages ask again, and are hashed files kept?",
		Fix:  "send no-cache with pages, immutable with hashed files",
	}
	privateCacheRule = stack.Rule{
		ID: "headers/private-cache", Level: stack.LevelDanger, Source: "ASVS 14.3.2",
		Asks: "Are private answers kept out of caches?",
		Fix:  "send Cache-Control: no-store",
	}
	pageFilesRule = stack.Rule{
		ID: "headers/page-files", Level: stack.LevelStrict, Source: "SPEC §3",
		Asks: "Is every file there that the page asks for?",
		Fix:  "build the web app again and deploy it as one image",
	}
	secretToldRule = stack.Rule{
		ID: "headers/secret-told", Level: stack.LevelDanger, Source: "ASVS 13.3.1; ASVS 14.2.1",
		Asks: "Are the release's secrets kept out of what strangers are sent, in every encoding?",
		Fix:  "take it out of the answer, and change the secret",
	}
	runningRoutesRule = stack.Rule{
		ID: "headers/running-routes", Level: stack.LevelDanger, Source: "SPEC §3",
		Asks: "Does the running edge have the release's routes, and no others?",
		Fix:  "deploy again; then find out who works on the host by hand",
	}
)

// Rules are what the findings of this family come from.
var Rules = []stack.Rule{
	dashboardRule,
	insideAPIRule,
	insidePagesRule,
	publicMetricsRule,
	loggedSecretsRule,
	upstreamTrustRule,
	secondSourceRule,
	clientAddressRule,
	redirectPermanentRule,
	pathsCleanedRule,
	staffPasswordRule,
	staffAllowlistRule,
	staffWorksRule,
	staffBypassRule,
	usersFileRule,
	hstsRule,
	nosniffRule,
	framingRule,
	referrerRule,
	permissionsRule,
	cspRule,
	thirdPartyRule,
	headersFirstRule,
	serverHeaderRule,
	traceRule,
	noRetryRule,
	rateLimitRule,
	timeoutsRule,
	stickyCookieRule,
	plainHTTPRule,
	requestHeadersRule,
	corsRule,
	openRedirectRule,
	routingRule,
	unknownHostRule,
	oddPathsRule,
	cachingRule,
	privateCacheRule,
	pageFilesRule,
	runningRoutesRule,
	secretToldRule,
}
