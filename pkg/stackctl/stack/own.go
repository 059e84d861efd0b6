package stack

import "time"

// OwnGate is a gate that a project declares in stackctl.yaml. It makes exactly
// one kind of check.
type OwnGate struct {
	// ID names the gate wherever a built-in one has G1 … G10.
	ID string `mapstructure:"id" json:"id"`
	// Title is the question that it answers.
	Title string `mapstructure:"title" json:"title"`
	Phase Phase  `mapstructure:"phase" json:"phase"`
	// Fix is what to do about a finding.
	Fix string `mapstructure:"fix" json:"fix,omitempty"`
	// Slow gates run under --all-tests only.
	Slow bool `mapstructure:"slow" json:"slow,omitempty"`
	// Mutates says whether it changes something on the site. A request that is
	// not safe (RFC 9110, section 9.2.1) must say so, yes or no.
	Mutates *bool `mapstructure:"mutates" json:"mutates,omitempty"`

	HTTP    *OwnHTTP    `mapstructure:"http" json:"http,omitempty"`
	Command *OwnCommand `mapstructure:"command" json:"command,omitempty"`
	SQL     *OwnSQL     `mapstructure:"sql" json:"sql,omitempty"`
	TCP     *OwnTCP     `mapstructure:"tcp" json:"tcp,omitempty"`

	// Line is where stackctl.yaml declares it.
	Line int `mapstructure:"-" json:"line"`
}

// Kind is what the gate checks: http, command, sql or tcp.
func (g OwnGate) Kind() string {
	switch {
	case g.HTTP != nil:
		return "http"
	case g.Command != nil:
		return "command"
	case g.SQL != nil:
		return "sql"
	}
	return "tcp"
}

// Service is the compose service that the gate looks into; empty: none.
func (g OwnGate) Service() string {
	switch {
	case g.HTTP != nil:
		return g.HTTP.Service
	case g.Command != nil:
		return g.Command.Service
	case g.SQL != nil:
		return g.SQL.Service
	case g.TCP != nil:
		return g.TCP.Service
	}
	return ""
}

// OwnHTTP is a request and what must come back. The words {release} and
// {domain} are replaced in Path, Headers, Body and what is expected.
type OwnHTTP struct {
	// Host is a prefix of the domain ("" is the site itself, "www").
	Host string `mapstructure:"host" json:"host,omitempty"`
	Path string `mapstructure:"path" json:"path"`
	// Scheme is https, or http for what the edge answers on its plain port.
	Scheme string `mapstructure:"scheme" json:"scheme,omitempty"`
	// Service and Port send the request to a container, past the edge.
	Service string            `mapstructure:"service" json:"service,omitempty"`
	Port    int               `mapstructure:"port" json:"port,omitempty"`
	Method  string            `mapstructure:"method" json:"method"`
	Headers map[string]string `mapstructure:"headers" json:"headers,omitempty"`
	// HeaderFiles are headers whose values are secret: name → file.
	HeaderFiles map[string]string `mapstructure:"header_files" json:"header_files,omitempty"`
	Body        string            `mapstructure:"body" json:"body,omitempty"`
	// Samples is how many requests are made; every answer must be as expected.
	Samples int `mapstructure:"samples" json:"samples"`
	// Timeout bounds one request.
	Timeout time.Duration `mapstructure:"timeout" json:"timeout_ns"`
	Expect  ExpectHTTP    `mapstructure:"expect" json:"expect"`
}

// ExpectHTTP is what an answer must be.
type ExpectHTTP struct {
	// Status lists the statuses that are good; empty: any.
	Status  []int         `mapstructure:"status" json:"status,omitempty"`
	Headers []HeaderMatch `mapstructure:"headers" json:"headers,omitempty"`
	Body    *Match        `mapstructure:"body" json:"body,omitempty"`
	JSON    []JSONMatch   `mapstructure:"json" json:"json,omitempty"`
	// P95 is the 95th percentile that must not be passed; 0: not judged.
	P95 time.Duration `mapstructure:"p95" json:"p95_ns,omitempty"`
}

// OwnCommand is a command in a service's container and what it must say. The
// words {release} and {domain} are replaced in it.
type OwnCommand struct {
	Service string        `mapstructure:"service" json:"service"`
	Command []string      `mapstructure:"command" json:"command"`
	Timeout time.Duration `mapstructure:"timeout" json:"timeout_ns"`
	Expect  ExpectCommand `mapstructure:"expect" json:"expect"`
}

// ExpectCommand is how a command must end. Exit is 0 where it is not given.
type ExpectCommand struct {
	Exit   *int        `mapstructure:"exit" json:"exit,omitempty"`
	Stdout *Match      `mapstructure:"stdout" json:"stdout,omitempty"`
	JSON   []JSONMatch `mapstructure:"json" json:"json,omitempty"`
}

// OwnSQL is a query that only reads, and what it must give.
type OwnSQL struct {
	Service string `mapstructure:"service" json:"service"`
	Query   string `mapstructure:"query" json:"query"`
	// Client prints the rows of another database than PostgreSQL, one a line
	// or as one JSON array; the word {query} in it is replaced.
	Client  []string      `mapstructure:"client" json:"client,omitempty"`
	Timeout time.Duration `mapstructure:"timeout" json:"timeout_ns"`
	Expect  ExpectSQL     `mapstructure:"expect" json:"expect"`
}

// ExpectSQL is what the rows must be.
type ExpectSQL struct {
	// Rows is how many there must be.
	Rows *Match `mapstructure:"rows" json:"rows,omitempty"`
	// Value is the only value of the only row.
	Value *Match `mapstructure:"value" json:"value,omitempty"`
	// JSON looks into the array of rows; a row is an object of its columns.
	JSON []JSONMatch `mapstructure:"json" json:"json,omitempty"`
}

// OwnTCP is a port that must be open or closed.
type OwnTCP struct {
	// Service is connected to from the server; empty: the edge's address is
	// connected to from where the operator is.
	Service string `mapstructure:"service" json:"service,omitempty"`
	Port    int    `mapstructure:"port" json:"port"`
	// Expect is open or closed.
	Expect  string        `mapstructure:"expect" json:"expect"`
	Timeout time.Duration `mapstructure:"timeout" json:"timeout_ns"`
}

// Match compares one value; every rule that is given must hold.
type Match struct {
	// Equals is text, a number or a truth value.
	Equals   any    `mapstructure:"equals" json:"equals,omitempty"`
	Contains string `mapstructure:"contains" json:"contains,omitempty"`
	// Matches is a regular expression (RE2), not anchored.
	Matches string   `mapstructure:"matches" json:"matches,omitempty"`
	AtLeast *float64 `mapstructure:"at_least" json:"at_least,omitempty"`
	AtMost  *float64 `mapstructure:"at_most" json:"at_most,omitempty"`
	// Exists says whether there must be a value at all.
	Exists *bool `mapstructure:"exists" json:"exists,omitempty"`
}

// JSONMatch compares what a JSONPath (RFC 9535) selects: at least one value,
// and every one of them.
type JSONMatch struct {
	Path  string `mapstructure:"path" json:"path"`
	Match `mapstructure:",squash"`
}

// HeaderMatch compares a header of an answer.
type HeaderMatch struct {
	Name  string `mapstructure:"name" json:"name"`
	Match `mapstructure:",squash"`
}
