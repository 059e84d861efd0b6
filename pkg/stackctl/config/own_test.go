package config_test

import (
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/stack"
)

const ownGood = `project: shop
gates:
  own:
    - id: U1
      title: Does the price list load?
      fix: load the prices again
      http:
        path: /api/prices
        headers: {Accept: application/json}
        header_files: {Authorization: secrets/token}
        expect:
          status: 200
          headers: [{name: Cache-Control, contains: no-store}]
          json:
            - {path: "$.items[*].price", at_least: 0.01}
            - {path: $.error, exists: false}
          p95: 500ms
    - id: versions
      title: Which release is it?
      phase: pre-switch
      command: {service: api, command: [/server, version], expect: {exit: 0, stdout: {contains: "{release}"}}}
    - {id: orphans, title: "No order without a customer?", sql: {query: SELECT 1 WHERE false, expect: {rows: {equals: 0}}}}
    - {id: U4, title: "Is Redis shut?", tcp: {port: 6379, expect: closed}}
exceptions:
  - {rule: declared/versions, subject: x, owner: ops, reason: r, expires: 2027-01-31}
`

func TestDeclaredGatesAreReadWithTheirPlaceAndDefaults(t *testing.T) {
	c, err := config.Load(write(t, ownGood))
	if err != nil {
		t.Fatal(err)
	}
	own := c.Gates.Own
	if len(own) != 4 {
		t.Fatalf("%d gates", len(own))
	}
	h := own[0].HTTP
	for _, have := range [][2]any{
		{own[0].Line, 4}, {own[1].Line, 18}, {own[0].Phase, stack.PhasePost}, {own[1].Phase, stack.PhasePre},
		{h.Method, "GET"}, {h.Samples, 30}, {h.Timeout, 10 * time.Second}, {h.Expect.Status[0], 200},
		{*h.Expect.JSON[1].Exists, false}, {*h.Expect.JSON[0].AtLeast, 0.01}, {h.HeaderFiles["authorization"], c.Root + "/secrets/token"},
		{own[2].SQL.Service, "postgres"}, {own[2].SQL.Expect.Rows.Equals, 0}, {own[3].Kind(), "tcp"},
	} {
		if have[0] != have[1] {
			t.Errorf("got %v, want %v", have[0], have[1])
		}
	}
}

// gateOf is a settings file with one declared gate, whose check is on line 6.
func gateOf(check string) string {
	return "project: shop\ngates:\n  own:\n    - id: U1\n      title: ok?\n      " + check + "\n"
}

func TestDeclaredGatesThatCannotJudgeOrFailAreRefusedWithTheirLine(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no id":            {"project: shop\ngates:\n  own:\n    - {title: ok, tcp: {port: 1, expect: open}}\n", "stackctl.yaml:4: gate number 1"},
		"a built-in id":    {strings.Replace(gateOf("tcp: {port: 1, expect: open}"), "U1", "G11", 1), "stackctl.yaml:4: gate G11: id"},
		"an odd id":        {strings.Replace(gateOf("tcp: {port: 1, expect: open}"), "U1", "a/b", 1), "no gate's name"},
		"twice the id":     {gateOf("tcp: {port: 1, expect: open}") + "    - {id: u1, title: b, tcp: {port: 1, expect: open}}\n", "stackctl.yaml:7: gate u1: two gates"},
		"no title":         {"project: shop\ngates:\n  own:\n    - {id: U1, tcp: {port: 1, expect: open}}\n", "title is missing"},
		"static phase":     {gateOf("phase: static\n      tcp: {port: 1, expect: open}"), "stackctl.yaml:6: gate U1: phase"},
		"no check":         {gateOf("fix: none"), "it has 0 checks"},
		"two checks":       {gateOf("tcp: {port: 1, expect: open}\n      sql: {query: SELECT 1, expect: {value: {equals: 1}}}"), "it has 2 checks"},
		"unknown key":      {gateOf("http: {path: /, expct: {status: 200}}"), `stackctl.yaml:6: unknown key "expct" under http`},
		"unknown in match": {gateOf("http: {path: /, expect: {json: [{path: $.a, equal: 1}]}}"), `unknown key "equal"`},

		"http: nothing expected":    {gateOf("http: {path: /}"), "cannot fail"},
		"http: no path":             {gateOf("http: {expect: {status: 200}}"), `path "" is no path`},
		"http: a URL":               {gateOf("http: {path: \"https://a/\", expect: {status: 200}}"), "is no path"},
		"http: host with dots":      {gateOf("http: {host: example.org., path: /, expect: {status: 200}}"), "no prefix of the domain"},
		"http: impossible status":   {gateOf("http:\n        path: /\n        expect:\n          status: [200, 700]"), "stackctl.yaml:9: gate U1: no answer ends with status 700"},
		"http: status of text":      {gateOf("http: {path: /, expect: {status: fine}}"), "stackctl.yaml:6"},
		"http: bad regexp":          {gateOf("http:\n        path: /\n        expect:\n          body: {matches: \"a(b\"}"), "stackctl.yaml:9: gate U1: matches \"a(b\" is no regular expression: missing closing )"},
		"http: regexp of all":       {gateOf("http: {path: /, expect: {body: {matches: \".*\"}}}"), "found in every text"},
		"http: bad path":            {gateOf("http:\n        path: /\n        expect:\n          json:\n            - {path: \"$.a[\", equals: 1}"), "stackctl.yaml:10: gate U1: path \"$.a[\" is no JSONPath"},
		"http: path without rule":   {gateOf("http: {path: /, expect: {json: [{path: $.a}]}}"), "nothing is expected"},
		"http: absent and equal":    {gateOf("http: {path: /, expect: {json: [{path: $.a, exists: false, equals: 1}]}}"), "cannot be compared"},
		"http: equals a list":       {gateOf("http: {path: /, expect: {json: [{path: $.a, equals: [1]}]}}"), "neither text nor a number"},
		"http: at least over most":  {gateOf("http: {path: /, expect: {json: [{path: $.a, at_least: 3, at_most: 2}]}}"), "no number is at least 3 and at most 2"},
		"http: body exists":         {gateOf("http: {path: /, expect: {body: {exists: true}}}"), "cannot fail"},
		"http: secret in the file":  {gateOf("http: {path: /, headers: {authorization: Bearer abc}, expect: {status: 200}}"), "header_files"},
		"http: header over lines":   {gateOf("http: {path: /, headers: {x-a: \"a\\nb\"}, expect: {status: 200}}"), "is no header"},
		"http: port alone":          {gateOf("http: {path: /, port: 80, expect: {status: 200}}"), "belong together"},
		"http: post unsaid":         {gateOf("http: {path: /, method: POST, expect: {status: 200}}"), "mutates"},
		"http: get with a body":     {gateOf("http: {path: /, body: x, expect: {status: 200}}"), "carries no body"},
		"http: head with a body":    {gateOf("http: {path: /, method: HEAD, expect: {body: {contains: x}}}"), "has no body"},
		"http: odd method":          {gateOf("http: {path: /, method: get, expect: {status: 200}}"), "is no method"},
		"http: few samples":         {gateOf("http: {path: /, samples: 5, expect: {p95: 1s}}"), "5 samples say nothing"},
		"http: too many samples":    {gateOf("http: {path: /, samples: 5000, expect: {status: 200}}"), "5000 samples"},
		"http: p95 over timeout":    {gateOf("http: {path: /, timeout: 1s, expect: {p95: 2s}}"), "not within the timeout"},
		"http: a timeout of hours":  {gateOf("http: {path: /, timeout: 2h, expect: {status: 200}}"), "2h0m0s is no timeout"},
		"http: mutating ten times":  {gateOf("mutates: true\n      http: {path: /, method: POST, samples: 10, expect: {status: 200}}"), "made once"},
		"command: nothing expected": {gateOf("command: {service: api, command: [a]}"), "cannot fail"},
		"command: no service":       {gateOf("command: {command: [a], expect: {exit: 0}}"), "service or command is missing"},
		"command: no command":       {gateOf("command: {service: api, expect: {exit: 0}}"), "service or command is missing"},
		"command: impossible exit":  {gateOf("command: {service: api, command: [a], expect: {exit: 256}}"), "exit code 256"},
		"command: bad path":         {gateOf("command: {service: api, command: [a], expect: {json: [{path: a, equals: 1}]}}"), "no JSONPath"},
		"sql: nothing expected":     {gateOf("sql: {query: SELECT 1}"), "cannot fail"},
		"sql: no query":             {gateOf("sql: {expect: {rows: {equals: 1}}}"), "query is missing"},
		"sql: two statements":       {gateOf("sql: {query: \"SELECT 1; DROP TABLE users\", expect: {rows: {equals: 1}}}"), "more than one statement"},
		"sql: rows as text":         {gateOf("sql: {query: SELECT 1, expect: {rows: {equals: some}}}"), "no number of rows"},
		"sql: any number of rows":   {gateOf("sql: {query: SELECT 1, expect: {rows: {at_least: 0}}}"), "cannot fail"},
		"sql: client without query": {gateOf("sql: {service: db, client: [mysql], query: SELECT 1, expect: {value: {equals: 1}}}"), "{query}"},
		"tcp: nothing expected":     {gateOf("tcp: {port: 1}"), "says nothing"},
		"tcp: no port":              {gateOf("tcp: {port: 70000, expect: open}"), "no port"},
		"tcp: outside before":       {gateOf("phase: pre-switch\n      tcp: {port: 80, expect: open}"), "old release answers"},
		"exception of a gate":       {strings.Replace(ownGood, "rule: declared/versions, subject: x", "gate: versions, match: x", 1), `- {rule: declared/versions, subject: "x", owner: "ops", reason: "r", expires: 2027-01-31}`},
		"exception of all of G9":    {strings.Replace(ownGood, "rule: declared/versions, subject", "gate: G9, match", 1), `- {rule: compose/RULE, subject: "x", owner`},
		"exception of no rule":      {strings.Replace(ownGood, "declared/versions", "versions", 1), `rule "versions" is no rule's ID`},
		"policy of no name":         {"policy: lax\n" + ownGood, `there is no policy "lax"`},
		"required gate of no name":  {strings.Replace(ownGood, "gates:\n", "gates:\n  require: [G2, G12]\n", 1), `there is no gate "G12"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Load(write(t, c.text))
			if err == nil {
				t.Fatal("accepted")
			}
			if stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), "stackctl.yaml:") {
				t.Errorf("cause %s: %v", stack.CauseOf(err), err)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want %q in it", err, c.want)
			}
		})
	}
}
