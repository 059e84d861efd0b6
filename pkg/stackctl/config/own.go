package config

import (
	"fmt"
	"net/http"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/theory/jsonpath"
	"golang.org/x/net/http/httpguts"

	"stackctl/pkg/stackctl/stack"
)

var (
	ownID       = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,39}$`)
	builtIn     = regexp.MustCompile(`(?i)^G([1-9]|10)$`)
	builtInForm = regexp.MustCompile(`(?i)^G[0-9]+$`)
	hostPrefix  = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)
	// confidential headers carry secrets, which no settings file may hold.
	confidential = []string{"Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key", "X-Auth-Token"}
)

// The bounds of what a gate may ask for.
const (
	maxSamples = 500
	// leastSamples is how many a 95th percentile needs.
	leastSamples = 20
	maxRequest   = 30 * time.Second
	maxCommand   = 5 * time.Minute
)

// resolveOwn fills in what a declared gate leaves out.
func resolveOwn(root string, g *stack.OwnGate) {
	setDefault(&g.Phase, stack.PhasePost)
	if h := g.HTTP; h != nil {
		setDefault(&h.Method, http.MethodGet)
		setDefault(&h.Scheme, "https")
		setDefault(&h.Timeout, 10*time.Second)
		if h.Expect.P95 > 0 {
			setDefault(&h.Samples, 30)
		}
		setDefault(&h.Samples, 1)
		for name, file := range h.HeaderFiles {
			h.HeaderFiles[name] = absolute(root, file)
		}
	}
	if c := g.Command; c != nil {
		setDefault(&c.Timeout, 30*time.Second)
	}
	if q := g.SQL; q != nil {
		setDefault(&q.Service, "postgres")
		setDefault(&q.Timeout, 10*time.Second)
	}
	if t := g.TCP; t != nil {
		setDefault(&t.Timeout, 5*time.Second)
	}
}

// isGate reports whether a name is that of a built-in or a declared gate.
func isGate(c stack.Config, id string) bool {
	return builtIn.MatchString(id) || slices.ContainsFunc(c.Gates.Own, func(g stack.OwnGate) bool { return strings.EqualFold(g.ID, id) })
}

// checkOwn refuses declared gates that could not judge, or could not fail.
func checkOwn(c stack.Config, d document) error {
	seen := map[string]bool{}
	for i, g := range c.Gates.Own {
		j := &ownJudge{}
		j.gate(g)
		if lower := strings.ToLower(g.ID); seen[lower] {
			j.bad("id", fmt.Sprintf("two gates are called %q", g.ID), "give each a name of its own")
		} else {
			seen[lower] = true
		}
		if j.problem != "" {
			keys := append([]string{"gates", "own", fmt.Sprint(i)}, strings.Split(j.key, ".")...)
			return stack.Usage(d.name, d.line(keys...), fmt.Sprintf("gate %s: %s", or(g.ID, fmt.Sprintf("number %d", i+1)), j.problem), j.fix)
		}
	}
	return nil
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// ownJudge keeps the first thing that is wrong with one declaration.
type ownJudge struct{ key, problem, fix string }

func (j *ownJudge) bad(key, problem, fix string) {
	if j.problem == "" {
		j.key, j.problem, j.fix = key, problem, fix
	}
}

func (j *ownJudge) gate(g stack.OwnGate) {
	switch {
	case !ownID.MatchString(g.ID):
		j.bad("id", fmt.Sprintf("id %q is no gate's name", g.ID), "use letters, digits and dashes, such as U1 or pricing-page")
	case builtInForm.MatchString(g.ID):
		j.bad("id", fmt.Sprintf("id %q is kept for built-in gates", g.ID), "call it U1, or by a name")
	}
	if g.Title == "" || len(g.Title) > 200 {
		j.bad("title", "title is missing or too long", "say in one line what the gate asks")
	}
	if g.Phase != stack.PhasePre && g.Phase != stack.PhasePost {
		j.bad("phase", fmt.Sprintf("phase %q is no phase of a declared gate", g.Phase), "use pre-switch or post-switch")
	}
	kinds := 0
	for _, there := range []bool{g.HTTP != nil, g.Command != nil, g.SQL != nil, g.TCP != nil} {
		if there {
			kinds++
		}
	}
	if kinds != 1 {
		j.bad("id", fmt.Sprintf("it has %d checks", kinds), "give it one of http, command, sql and tcp")
		return
	}
	switch {
	case g.HTTP != nil:
		j.http(*g.HTTP, g)
	case g.Command != nil:
		j.command(*g.Command)
	case g.SQL != nil:
		j.sql(*g.SQL)
	case g.TCP != nil:
		j.tcp(*g.TCP, g.Phase)
	}
}

func (j *ownJudge) command(c stack.OwnCommand) {
	if c.Service == "" || len(c.Command) == 0 {
		j.bad("command", "service or command is missing", "name the service and the command as a list")
	}
	j.within("command.timeout", c.Timeout, maxCommand)
	e := c.Expect
	if e.Exit == nil && e.Stdout == nil && len(e.JSON) == 0 {
		j.bad("command.expect", "nothing is expected, so it cannot fail", "add exit, stdout or json under expect")
	}
	if e.Exit != nil && (*e.Exit < 0 || *e.Exit > 255) {
		j.bad("command.expect.exit", fmt.Sprintf("no command ends with exit code %d", *e.Exit), "use 0 to 255")
	}
	j.text("command.expect.stdout", e.Stdout)
	j.json("command.expect.json", e.JSON)
}

func (j *ownJudge) sql(q stack.OwnSQL) {
	query := strings.TrimRight(strings.TrimSpace(q.Query), "; \t\n")
	switch {
	case query == "":
		j.bad("sql.query", "query is missing", "give one SELECT")
	case strings.Contains(query, ";"):
		j.bad("sql.query", "it is more than one statement", "give one SELECT; make a gate of each")
	}
	if len(q.Client) > 0 && !slices.ContainsFunc(q.Client, func(a string) bool { return strings.Contains(a, "{query}") }) {
		j.bad("sql.client", "the client is not given the query", "write {query} where the query belongs")
	}
	j.within("sql.timeout", q.Timeout, maxCommand)
	e := q.Expect
	if e.Rows == nil && e.Value == nil && len(e.JSON) == 0 {
		j.bad("sql.expect", "nothing is expected, so it cannot fail", "add rows, value or json under expect")
	}
	j.text("sql.expect.value", e.Value)
	j.json("sql.expect.json", e.JSON)
	if e.Rows == nil {
		return
	}
	j.text("sql.expect.rows", e.Rows)
	if n, whole := e.Rows.Equals.(int); e.Rows.Equals != nil && (!whole || n < 0) {
		j.bad("sql.expect.rows.equals", fmt.Sprintf("%v is no number of rows", e.Rows.Equals), "use 0 or more")
	}
	if least := e.Rows.AtLeast; least != nil && *least <= 0 && e.Rows.AtMost == nil && e.Rows.Equals == nil {
		j.bad("sql.expect.rows.at_least", "there are always that many rows, so it cannot fail", "use 1 or more")
	}
}

func (j *ownJudge) tcp(t stack.OwnTCP, phase stack.Phase) {
	if t.Port < 1 || t.Port > 65535 {
		j.bad("tcp.port", fmt.Sprintf("port %d is no port", t.Port), "")
	}
	if t.Expect != "open" && t.Expect != "closed" {
		j.bad("tcp.expect", fmt.Sprintf("expect %q says nothing", t.Expect), "use open or closed")
	}
	if t.Service == "" && phase == stack.PhasePre {
		j.bad("tcp", "before the switch, the old release answers from outside", "name a service, or use phase post-switch")
	}
	j.within("tcp.timeout", t.Timeout, maxRequest)
}

func (j *ownJudge) within(key string, d, most time.Duration) {
	if d <= 0 || d > most {
		j.bad(key, fmt.Sprintf("%s is no timeout", d), "use up to "+most.String())
	}
}

func (j *ownJudge) json(key string, list []stack.JSONMatch) {
	for i, m := range list {
		at := fmt.Sprintf("%s.%d", key, i)
		if _, err := jsonpath.Parse(m.Path); err != nil {
			j.bad(at+".path", fmt.Sprintf("path %q is no JSONPath: %s", m.Path, plain(err)), "write it as in RFC 9535, such as $.items[0].name")
		}
		j.match(at, m.Match)
	}
}

// plain is a parser's complaint without the name of its package.
func plain(err error) string {
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), "jsonpath: "), "parser: ")
}

// text judges a comparison of a value that is always there.
func (j *ownJudge) text(key string, m *stack.Match) {
	if m == nil {
		return
	}
	if m.Exists != nil {
		j.bad(key+".exists", "it always exists, so this cannot fail", "compare it with equals, matches, contains, at_least or at_most")
	}
	j.match(key, *m)
}

func (j *ownJudge) match(key string, m stack.Match) {
	rules := 0
	for _, given := range []bool{m.Equals != nil, m.Contains != "", m.Matches != "", m.AtLeast != nil, m.AtMost != nil} {
		if given {
			rules++
		}
	}
	switch m.Equals.(type) {
	case nil, string, bool, int, int64, uint64, float64:
	default:
		j.bad(key+".equals", "equals is neither text nor a number nor true or false", "compare the members one by one")
	}
	if rules == 0 && m.Exists == nil {
		j.bad(key, "nothing is expected, so it cannot fail", "add equals, matches, contains, at_least, at_most or exists")
	}
	if m.Exists != nil && !*m.Exists && rules > 0 {
		j.bad(key+".exists", "what must not exist cannot be compared", "drop exists, or the comparison")
	}
	if m.AtLeast != nil && m.AtMost != nil && *m.AtLeast > *m.AtMost {
		j.bad(key+".at_most", fmt.Sprintf("no number is at least %v and at most %v", *m.AtLeast, *m.AtMost), "")
	}
	if m.Matches == "" {
		return
	}
	re, err := regexp.Compile(m.Matches)
	if err != nil {
		j.bad(key+".matches", fmt.Sprintf("matches %q is no regular expression: %s", m.Matches, regexpProblem(err)), "see https://github.com/google/re2/wiki/Syntax")
		return
	}
	// An expression that is found in nothing and in what nobody prints is found in everything.
	if re.MatchString("") && re.MatchString("\x00\uffff") {
		j.bad(key+".matches", fmt.Sprintf("matches %q is found in every text, so it cannot fail", m.Matches), "anchor it, or ask for at least one character")
	}
}

func regexpProblem(err error) string {
	return strings.TrimPrefix(err.Error(), "error parsing regexp: ")
}

func (j *ownJudge) http(h stack.OwnHTTP, g stack.OwnGate) {
	if !strings.HasPrefix(h.Path, "/") || strings.ContainsAny(h.Path, " \t\r\n") {
		j.bad("http.path", fmt.Sprintf("path %q is no path", h.Path), "begin it with /, and write spaces as %20")
	}
	if h.Host != "" && !hostPrefix.MatchString(h.Host) {
		j.bad("http.host", fmt.Sprintf("host %q is no prefix of the domain", h.Host), "write www for www.example.org, nothing for the site itself")
	}
	if h.Scheme != "https" && h.Scheme != "http" {
		j.bad("http.scheme", fmt.Sprintf("scheme %q is neither https nor http", h.Scheme), "")
	}
	if (h.Service == "") != (h.Port == 0) || h.Port < 0 || h.Port > 65535 {
		j.bad("http.service", "service and port belong together", "give both, or neither to go through the edge")
	}
	if h.Method != strings.ToUpper(h.Method) || !httpguts.ValidHeaderFieldName(h.Method) || h.Method == http.MethodConnect {
		j.bad("http.method", fmt.Sprintf("method %q is no method", h.Method), "use GET, HEAD, OPTIONS, POST, PUT, PATCH or DELETE")
	}
	safe := slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodOptions}, h.Method)
	if !safe && g.Mutates == nil {
		j.bad("http.method", h.Method+" may change something", "say `mutates: true` (it then runs under --all-tests), or `mutates: false` where it does not")
	}
	if safe && h.Body != "" {
		j.bad("http.body", h.Method+" carries no body", "use another method, or drop the body")
	}
	if h.Samples < 1 || h.Samples > maxSamples {
		j.bad("http.samples", fmt.Sprintf("%d samples", h.Samples), fmt.Sprintf("use 1 to %d", maxSamples))
	}
	if h.Samples > 1 && g.Mutates != nil && *g.Mutates {
		j.bad("http.samples", "a request that changes something is made once", "drop samples and p95")
	}
	j.within("http.timeout", h.Timeout, maxRequest)
	j.requestHeaders(h)
	j.answer(h)
}

func (j *ownJudge) requestHeaders(h stack.OwnHTTP) {
	for name, value := range h.Headers {
		key := "http.headers." + name
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			j.bad(key, fmt.Sprintf("%q is no header", name), "")
		}
		if slices.Contains(confidential, textproto.CanonicalMIMEHeaderKey(name)) {
			j.bad(key, fmt.Sprintf("the header %s carries a secret", textproto.CanonicalMIMEHeaderKey(name)), "put its value in a file and name that under header_files")
		}
	}
	for name := range h.HeaderFiles {
		if !httpguts.ValidHeaderFieldName(name) {
			j.bad("http.header_files."+name, fmt.Sprintf("%q is no header", name), "")
		}
	}
}

func (j *ownJudge) answer(h stack.OwnHTTP) {
	e := h.Expect
	if len(e.Status) == 0 && len(e.Headers) == 0 && e.Body == nil && len(e.JSON) == 0 && e.P95 == 0 {
		j.bad("http.expect", "nothing is expected, so it cannot fail", "add status, headers, body, json or p95 under expect")
	}
	for i, s := range e.Status {
		if s < 200 || s > 599 {
			j.bad(fmt.Sprintf("http.expect.status.%d", i), fmt.Sprintf("no answer ends with status %d", s), "use 200 to 599")
		}
	}
	for i, m := range e.Headers {
		key := fmt.Sprintf("http.expect.headers.%d", i)
		if !httpguts.ValidHeaderFieldName(m.Name) {
			j.bad(key+".name", fmt.Sprintf("%q is no header", m.Name), "")
		}
		j.match(key, m.Match)
	}
	j.text("http.expect.body", e.Body)
	j.json("http.expect.json", e.JSON)
	if h.Method == http.MethodHead && (e.Body != nil || len(e.JSON) > 0) {
		j.bad("http.expect", "an answer to HEAD has no body", "use GET")
	}
	if e.P95 < 0 || e.P95 > h.Timeout {
		j.bad("http.expect.p95", fmt.Sprintf("p95 %s is not within the timeout of %s", e.P95, h.Timeout), "")
	}
	if e.P95 > 0 && h.Samples < leastSamples {
		j.bad("http.samples", fmt.Sprintf("%d samples say nothing about a 95th percentile", h.Samples), fmt.Sprintf("use at least %d", leastSamples))
	}
}
