package declared

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/gatetest"
	"stackctl/pkg/stackctl/stack"
)

// ownDeployment is a good deployment with declared defaults.
func ownDeployment(t *testing.T) *gatetest.Deployment {
	t.Helper()
	d := gatetest.GoodDeployment(t)
	d.Config.File, d.Config.Root = "/p/stackctl.yaml", "/p"
	d.Config.Traefik = stack.Traefik{Service: "traefik", APIPort: 8090}
	d.Fake.List = append(d.Fake.List, stack.Container{ID: "id-traefik", Service: "traefik", Project: "stack", State: "running",
		Addresses: map[string]string{"edge": "172.20.0.9"}})
	for i := range d.Release.Services {
		d.Release.Services[i].Layer, d.Release.Services[i].Deployed = stack.LayerApp, true
	}
	d.Release.Services = append(d.Release.Services, stack.Service{Name: "postgres", Layer: stack.LayerData, Deployed: true},
		stack.Service{Name: "traefik", Layer: stack.LayerEdge, Deployed: true})
	return d
}

func float(n float64) *float64 { return &n }

func flag(b bool) *bool { return &b }

func number(n int) *int { return &n }

func own(phase stack.Phase) stack.OwnGate {
	return stack.OwnGate{ID: "U1", Title: "ok?", Phase: phase, Fix: "mend it", Line: 12}
}

func ownRequest(phase stack.Phase, path string, e stack.ExpectHTTP) stack.OwnGate {
	o := own(phase)
	o.HTTP = &stack.OwnHTTP{Method: "GET", Scheme: "https", Path: path, Samples: 1, Timeout: 2 * time.Second, Expect: e}
	return o
}

func jsonIs(path string, m stack.Match) stack.ExpectHTTP {
	return stack.ExpectHTTP{JSON: []stack.JSONMatch{{Path: path, Match: m}}}
}

const readyPath = "/api/health/ready"

func TestDeclaredRequestsPass(t *testing.T) {
	for name, o := range map[string]stack.OwnGate{
		"status":            ownRequest(stack.PhasePost, readyPath, stack.ExpectHTTP{Status: []int{204, 200}}),
		"refused as asked":  ownRequest(stack.PhasePost, "/api/users/me", stack.ExpectHTTP{Status: []int{401}}),
		"header":            ownRequest(stack.PhasePost, readyPath, stack.ExpectHTTP{Headers: []stack.HeaderMatch{{Name: "content-type", Match: stack.Match{Equals: "application/json"}}}}),
		"no such header":    ownRequest(stack.PhasePost, readyPath, stack.ExpectHTTP{Headers: []stack.HeaderMatch{{Name: "Server", Match: stack.Match{Exists: flag(false)}}}}),
		"body":              ownRequest(stack.PhasePost, "/", stack.ExpectHTTP{Body: &stack.Match{Matches: "<title>s.te</title>"}}),
		"release in JSON":   ownRequest(stack.PhasePost, readyPath, jsonIs("$.release", stack.Match{Equals: "{release}"})),
		"number":            ownRequest(stack.PhasePost, readyPath, jsonIs("$.checks.schema.version", stack.Match{Equals: 3, AtLeast: float(3), AtMost: float(3.5)})),
		"every one":         ownRequest(stack.PhasePost, readyPath, jsonIs("$.checks.*.status", stack.Match{Equals: "ok"})),
		"absent":            ownRequest(stack.PhasePost, readyPath, jsonIs("$.error", stack.Match{Exists: flag(false)})),
		"there":             ownRequest(stack.PhasePost, readyPath, jsonIs("$.checks", stack.Match{Exists: flag(true)})),
		"fast":              ownRequest(stack.PhasePost, readyPath, stack.ExpectHTTP{P95: 2 * time.Second}),
		"before the switch": ownRequest(stack.PhasePre, readyPath, jsonIs("$.release", stack.Match{Equals: "{release}"})),
		"past the edge": func() stack.OwnGate {
			o := ownRequest(stack.PhasePost, "/health/live", stack.ExpectHTTP{Status: []int{200}})
			o.HTTP.Service, o.HTTP.Port = "api", 8000
			return o
		}(),
		"thirty in a row": func() stack.OwnGate {
			o := ownRequest(stack.PhasePost, "/", stack.ExpectHTTP{Status: []int{200}})
			o.HTTP.Samples = 30
			return o
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			d := ownDeployment(t)
			a := gatetest.Passes(t, One(o), d.Subject)
			if want := o.HTTP.Samples; a.Inspected < want || a.Of != "expectations" {
				t.Errorf("inspected %d %s", a.Inspected, a.Of)
			}
			var kept record
			if err := json.Unmarshal(d.Sink.Kept["gate-u1.json"], &kept); err != nil || len(kept.Expectations) == 0 || len(kept.Looked) != 1 {
				t.Errorf("artifact: %v\n%s", err, d.Sink.Kept["gate-u1.json"])
			}
		})
	}
}

func TestDeclaredRequestsCatch(t *testing.T) {
	slow := ownRequest(stack.PhasePost, readyPath, stack.ExpectHTTP{P95: time.Nanosecond})
	slow.HTTP.Samples = 20
	for name, c := range map[string]struct {
		o    stack.OwnGate
		want string
	}{
		"status":             {ownRequest(stack.PhasePost, "/no", stack.ExpectHTTP{Status: []int{200, 204}}), "expected 200 or 204, observed 404"},
		"header":             {ownRequest(stack.PhasePost, "/", stack.ExpectHTTP{Headers: []stack.HeaderMatch{{Name: "X-No", Match: stack.Match{Exists: flag(true)}}}}), "header X-No: not as expected; expected something there, observed nothing there"},
		"header's value":     {ownRequest(stack.PhasePost, readyPath, stack.ExpectHTTP{Headers: []stack.HeaderMatch{{Name: "Content-Type", Match: stack.Match{Contains: "html"}}}}), `text with "html", observed "application/json"`},
		"header there":       {ownRequest(stack.PhasePost, readyPath, stack.ExpectHTTP{Headers: []stack.HeaderMatch{{Name: "Content-Type", Match: stack.Match{Exists: flag(false)}}}}), "expected nothing there"},
		"body":               {ownRequest(stack.PhasePost, "/", stack.ExpectHTTP{Body: &stack.Match{Contains: "Welcome"}}), `text with "Welcome"`},
		"not JSON":           {ownRequest(stack.PhasePost, "/", jsonIs("$.a", stack.Match{Equals: 1})), "one JSON document, observed not JSON"},
		"wrong text":         {ownRequest(stack.PhasePost, readyPath, jsonIs("$.status", stack.Match{Equals: "great"})), `expected "great", observed "ok"`},
		"wrong number":       {ownRequest(stack.PhasePost, readyPath, jsonIs("$.checks.schema.version", stack.Match{Equals: 4})), "expected 4, observed 3"},
		"a number as text":   {ownRequest(stack.PhasePost, readyPath, jsonIs("$.checks.schema.version", stack.Match{Equals: "3"})), `expected "3", observed 3`},
		"too small":          {ownRequest(stack.PhasePost, readyPath, jsonIs("$.checks.schema.version", stack.Match{AtLeast: float(4)})), "at least 4, observed 3"},
		"too large":          {ownRequest(stack.PhasePost, readyPath, jsonIs("$.checks.schema.version", stack.Match{AtMost: float(2)})), "at most 2, observed 3"},
		"text is no number":  {ownRequest(stack.PhasePost, readyPath, jsonIs("$.status", stack.Match{AtLeast: float(0)})), "at least 0, observed \"ok\""},
		"one of several":     {ownRequest(stack.PhasePost, readyPath, jsonIs("$.checks.*.version", stack.Match{Equals: 9})), "expected 9, observed 3"},
		"nothing selected":   {ownRequest(stack.PhasePost, readyPath, jsonIs("$.nothing", stack.Match{Matches: "^a"})), "observed nothing there"},
		"there all the same": {ownRequest(stack.PhasePost, readyPath, jsonIs("$.status", stack.Match{Exists: flag(false)})), `expected nothing there, observed "ok"`},
		"too slow":           {slow, "95th percentile at most 1ns"},
		"of another":         {ownRequest(stack.PhasePre, readyPath, jsonIs("$.release", stack.Match{Equals: "other"})), `expected "other"`},
	} {
		t.Run(name, func(t *testing.T) {
			d := ownDeployment(t)
			gatetest.Catches(t, One(c.o), d.Subject, c.want)
			r := gatetest.Run(t.Context(), One(c.o), d.Subject)
			if r.Status != stack.Failed || r.Findings[0].Fix != "mend it" || r.Findings[0].File != "stackctl.yaml" || r.Findings[0].Line != 12 ||
				r.Findings[0].Evidence != "gate-u1.json" || r.Rerun != "stackctl verify --gate U1" || r.Inspected == 0 {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestADeclaredRequestCountsOneBadAnswerOfMany(t *testing.T) {
	d := ownDeployment(t)
	var n atomic.Int32
	d.Site.Wrap = func(w http.ResponseWriter, _ *http.Request) bool {
		if n.Add(1) != 7 {
			return false
		}
		w.WriteHeader(http.StatusBadGateway)
		return true
	}
	o := ownRequest(stack.PhasePost, "/", stack.ExpectHTTP{Status: []int{200}})
	o.HTTP.Samples = 30
	gatetest.Catches(t, One(o), d.Subject, "observed 502 (1 of 30)")
}

func TestADeclaredRequestWithoutAnAnswerIsAFinding(t *testing.T) {
	d := ownDeployment(t)
	d.Site.Wrap = func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }
	gatetest.Catches(t, One(ownRequest(stack.PhasePost, "/", stack.ExpectHTTP{Status: []int{200}})), d.Subject, "expected an answer")
}

func TestADeclaredRequestWaitsForARateLimit(t *testing.T) {
	d := ownDeployment(t)
	var n atomic.Int32
	d.Site.Wrap = func(w http.ResponseWriter, _ *http.Request) bool {
		if n.Add(1) != 1 {
			return false
		}
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	}
	if a := gatetest.Passes(t, One(ownRequest(stack.PhasePost, "/", stack.ExpectHTTP{Status: []int{200}})), d.Subject); len(a.Attempts) != 1 {
		t.Errorf("attempts %v", a.Attempts)
	}
}

func TestADeclaredRequestSendsWhatItDeclares(t *testing.T) {
	d := ownDeployment(t)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("Bearer plain-sight\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.Site.Wrap = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != "POST" || r.Header.Get("X-Release") != gatetest.ReleaseID || r.Header.Get("Authorization") != "Bearer plain-sight" || r.ContentLength != 3 {
			t.Errorf("%s %v", r.Method, r.Header)
		}
		w.WriteHeader(http.StatusNoContent)
		return true
	}
	o := ownRequest(stack.PhasePost, "/hook", stack.ExpectHTTP{Status: []int{204}})
	o.HTTP.Method, o.HTTP.Body, o.Mutates = "POST", "abc", flag(false)
	o.HTTP.Headers = map[string]string{"x-release": "{release}"}
	o.HTTP.HeaderFiles = map[string]string{"authorization": file}
	gatetest.Passes(t, One(o), d.Subject)
	if strings.Contains(string(d.Sink.Kept["gate-u1.json"]), "plain-sight") {
		t.Error("the secret is in the evidence")
	}
	o.HTTP.HeaderFiles["authorization"] = file + "-gone"
	if r := gatetest.Run(t.Context(), One(o), d.Subject); r.Status != stack.CouldNotJudge {
		t.Errorf("without the file: %s", r.Status)
	}
}

func ownCommand(e stack.ExpectCommand) stack.OwnGate {
	o := own(stack.PhasePre)
	o.Command = &stack.OwnCommand{Service: "api", Command: []string{"/server", "say", "{release}"}, Timeout: time.Second, Expect: e}
	return o
}

func TestDeclaredCommands(t *testing.T) {
	saying := func(text string, exit int) func(string, []string) (stack.Output, error) {
		return func(container string, argv []string) (stack.Output, error) {
			if container != "id-api" || argv[2] != gatetest.ReleaseID {
				return stack.Output{}, errors.New("not what was declared")
			}
			return stack.Output{Stdout: []byte(text), Stderr: []byte("first\nlast words\n"), Exit: exit}, nil
		}
	}
	for name, c := range map[string]struct {
		e      stack.ExpectCommand
		text   string
		exit   int
		status stack.Status
		want   string
	}{
		"exit":                {stack.ExpectCommand{Exit: number(3)}, "", 3, stack.Passed, ""},
		"wrong exit":          {stack.ExpectCommand{Exit: number(0)}, "", 3, stack.Failed, "exit code: not as expected; expected 0, observed 3: last words"},
		"exit unsaid is 0":    {stack.ExpectCommand{Stdout: &stack.Match{Contains: "o"}}, "ok", 1, stack.Failed, "expected 0, observed 1"},
		"output":              {stack.ExpectCommand{Stdout: &stack.Match{Equals: "ok"}}, "ok\n", 0, stack.Passed, ""},
		"wrong output":        {stack.ExpectCommand{Stdout: &stack.Match{Matches: "^ok$"}}, "not ok\n", 0, stack.Failed, `observed "not ok"`},
		"silence":             {stack.ExpectCommand{Stdout: &stack.Match{Matches: "."}}, "", 0, stack.Failed, `observed ""`},
		"JSON":                {stack.ExpectCommand{JSON: []stack.JSONMatch{{Path: "$.n", Match: stack.Match{Equals: 12345678901234567}}}}, `{"n":12345678901234567}`, 0, stack.Passed, ""},
		"wrong by one":        {stack.ExpectCommand{JSON: []stack.JSONMatch{{Path: "$.n", Match: stack.Match{Equals: 12345678901234567}}}}, `{"n":12345678901234568}`, 0, stack.Failed, "observed 12345678901234568"},
		"two documents":       {stack.ExpectCommand{JSON: []stack.JSONMatch{{Path: "$.n", Match: stack.Match{Equals: 1}}}}, `{"n":1}{"n":1}`, 0, stack.Failed, "more than one JSON document"},
		"no such program":     {stack.ExpectCommand{Exit: number(0)}, "", 127, stack.CouldNotJudge, "could not be started"},
		"no such, as asked":   {stack.ExpectCommand{Exit: number(127)}, "", 127, stack.Passed, ""},
		"true, not text true": {stack.ExpectCommand{JSON: []stack.JSONMatch{{Path: "$.b", Match: stack.Match{Equals: true}}}}, `{"b":"true"}`, 0, stack.Failed, `expected true, observed "true"`},
	} {
		t.Run(name, func(t *testing.T) {
			d := ownDeployment(t)
			d.Fake.OnExec = saying(c.text, c.exit)
			judged(t, d.Subject, ownCommand(c.e), c.status, c.want)
		})
	}
}

// judged runs a declared gate and compares how it ended and what it says.
func judged(t *testing.T, s gate.Subject, o stack.OwnGate, status stack.Status, want string) {
	t.Helper()
	r := gatetest.Run(t.Context(), One(o), s)
	text := r.Reason
	for _, f := range r.Findings {
		text += "\n" + f.Subject + ": " + f.Problem + "; expected " + f.Expected + ", observed " + f.Observed
	}
	if r.Status != status || !strings.Contains(text, want) {
		t.Errorf("%s, want %s with %q in %s", r.Status, status, want, text)
	}
	if status == stack.Passed && r.Inspected == 0 {
		t.Error("it passed and inspected nothing")
	}
}

func TestADeclaredCommandThatCannotRunIsNotJudged(t *testing.T) {
	d := ownDeployment(t)
	d.Fake.OnExec = func(string, []string) (stack.Output, error) { return stack.Output{}, errors.New("connection lost") }
	judged(t, d.Subject, ownCommand(stack.ExpectCommand{Exit: number(0)}), stack.CouldNotJudge, "connection lost")
	d.Fake.List = nil
	judged(t, d.Subject, ownCommand(stack.ExpectCommand{Exit: number(0)}), stack.Failed, "the service does not run")
	d.Release.Services = nil // a release from before the service
	judged(t, d.Subject, ownCommand(stack.ExpectCommand{Exit: number(0)}), stack.Skipped, "has no service api")
}

// patient is a server whose commands end when they are told to.
type patient struct{ *gatetest.Server }

func (patient) Exec(ctx context.Context, _ string, _ ...string) (stack.Output, error) {
	<-ctx.Done()
	return stack.Output{}, ctx.Err()
}

func TestADeclaredCommandThatDoesNotEndIsAFinding(t *testing.T) {
	d := ownDeployment(t)
	d.Server = patient{d.Fake}
	o := ownCommand(stack.ExpectCommand{Exit: number(0)})
	o.Command.Timeout = 20 * time.Millisecond
	judged(t, d.Subject, o, stack.Failed, "expected an end within 20ms, observed it went on")
}

func ownQuery(e stack.ExpectSQL) stack.OwnGate {
	o := own(stack.PhasePost)
	o.SQL = &stack.OwnSQL{Service: "postgres", Query: "SELECT count(*) FROM users -- all ;\n;", Timeout: time.Second, Expect: e}
	return o
}

func TestDeclaredQueries(t *testing.T) {
	for name, c := range map[string]struct {
		e      stack.ExpectSQL
		text   string
		exit   int
		status stack.Status
		want   string
	}{
		"rows":             {stack.ExpectSQL{Rows: &stack.Match{Equals: 2}}, `[{"a":1},{"a":2}]`, 0, stack.Passed, ""},
		"no rows":          {stack.ExpectSQL{Rows: &stack.Match{Equals: 0}}, `[]`, 0, stack.Passed, ""},
		"wrong rows":       {stack.ExpectSQL{Rows: &stack.Match{Equals: 0}}, `[{"a":1}]`, 0, stack.Failed, "rows: not as expected; expected 0, observed 1"},
		"value":            {stack.ExpectSQL{Value: &stack.Match{AtLeast: float(1)}}, `[{"count":41}]`, 0, stack.Passed, ""},
		"wrong value":      {stack.ExpectSQL{Value: &stack.Match{Equals: 40}}, `[{"count":41}]`, 0, stack.Failed, "expected 40, observed 41"},
		"no value":         {stack.ExpectSQL{Value: &stack.Match{Equals: 40}}, `[]`, 0, stack.Failed, "one row of one value, observed 0 rows"},
		"two values":       {stack.ExpectSQL{Value: &stack.Match{Equals: 1}}, `[{"a":1,"b":1}]`, 0, stack.Failed, "one row of one value"},
		"path":             {stack.ExpectSQL{JSON: []stack.JSONMatch{{Path: "$[*].state", Match: stack.Match{Equals: "done"}}}}, `[{"state":"done"},{"state":"done"}]`, 0, stack.Passed, ""},
		"wrong in a row":   {stack.ExpectSQL{JSON: []stack.JSONMatch{{Path: "$[*].state", Match: stack.Match{Equals: "done"}}}}, `[{"state":"done"},{"state":"late"}]`, 0, stack.Failed, `observed "late"`},
		"the query fails":  {stack.ExpectSQL{Rows: &stack.Match{Equals: 0}}, ``, 1, stack.CouldNotJudge, "exit 1: relation"},
		"it says nothing":  {stack.ExpectSQL{Rows: &stack.Match{Equals: 0}}, ``, 0, stack.CouldNotJudge, "no JSON array came"},
		"it says no array": {stack.ExpectSQL{Rows: &stack.Match{Equals: 0}}, `{}`, 0, stack.CouldNotJudge, "no JSON array came"},
	} {
		t.Run(name, func(t *testing.T) {
			d := ownDeployment(t)
			d.Fake.OnExec = func(container string, argv []string) (stack.Output, error) {
				all := strings.Join(argv, "\x00")
				for _, must := range []string{"FROM (\nSELECT count(*) FROM users -- all\n) AS", "default_transaction_read_only=on", "statement_timeout=1000"} {
					if container != "id-postgres" || !strings.Contains(all, must) {
						t.Errorf("%s is not in %q of %s", must, all, container)
					}
				}
				return stack.Output{Stdout: []byte(c.text), Stderr: []byte("ERROR: x\nrelation does not exist"), Exit: c.exit}, nil
			}
			judged(t, d.Subject, ownQuery(c.e), c.status, c.want)
		})
	}
}

func TestADeclaredQueryThroughAnotherClient(t *testing.T) {
	d := ownDeployment(t)
	d.Fake.OnExec = func(_ string, argv []string) (stack.Output, error) {
		if strings.Join(argv, " ") != "mysql -Ne SELECT state FROM jobs" {
			t.Errorf("%q", argv)
		}
		return stack.Output{Stdout: []byte("done\nlate\n")}, nil
	}
	o := ownQuery(stack.ExpectSQL{Rows: &stack.Match{Equals: 2}, JSON: []stack.JSONMatch{{Path: "$[1]", Match: stack.Match{Equals: "late"}}}})
	o.SQL.Query, o.SQL.Client = "SELECT state FROM jobs", []string{"mysql", "-Ne", "{query}"}
	judged(t, d.Subject, o, stack.Passed, "")
	o.SQL.Expect.JSON[0].Equals = "done"
	judged(t, d.Subject, o, stack.Failed, `expected "done", observed "late"`)
}

func TestDeclaredPorts(t *testing.T) {
	refuse := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	open := func(ports ...string) func(context.Context, string, string) (net.Conn, error) {
		return func(_ context.Context, _, address string) (net.Conn, error) {
			for _, p := range ports {
				if strings.HasSuffix(address, ":"+p) {
					a, _ := net.Pipe()
					return a, nil
				}
			}
			return nil, refuse
		}
	}
	for name, c := range map[string]struct {
		service string
		expect  string
		open    []string
		status  stack.Status
		want    string
	}{
		"open inside":             {"api", "open", []string{"5432"}, stack.Passed, ""},
		"shut inside, wanted":     {"api", "closed", []string{"8090"}, stack.Passed, ""},
		"shut inside":             {"api", "open", []string{"8090"}, stack.Failed, "port 5432 of api: not as expected; expected open, observed closed"},
		"open inside, not wanted": {"api", "closed", []string{"5432"}, stack.Failed, "expected closed, observed open"},
		"nothing answers inside":  {"api", "closed", nil, stack.CouldNotJudge, "whether the server connects at all"},
		"open outside":            {"", "open", []string{"5432", "8443"}, stack.Passed, ""},
		"shut outside, wanted":    {"", "closed", []string{"8443"}, stack.Passed, ""},
		"shut outside":            {"", "open", []string{"8443"}, stack.Failed, "port 5432 from outside: not as expected; expected open"},
		"open outside, a finding": {"", "closed", []string{"5432", "8443"}, stack.Failed, "observed open"},
		"nothing answers outside": {"", "closed", nil, stack.CouldNotJudge, "can be reached at all"},
	} {
		t.Run(name, func(t *testing.T) {
			d := ownDeployment(t)
			d.Fake.OnDial = open(c.open...)
			d.Outside = dialFunc(open(c.open...))
			d.Target.Edge.HTTPSPort = 8443
			o := own(stack.PhasePost)
			o.TCP = &stack.OwnTCP{Service: c.service, Port: 5432, Expect: c.expect, Timeout: time.Second}
			judged(t, d.Subject, o, c.status, c.want)
		})
	}
}

type dialFunc func(context.Context, string, string) (net.Conn, error)

func (f dialFunc) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return f(ctx, network, address)
}

func TestDeclaredGatesStandBesideTheBuiltInOnes(t *testing.T) {
	o := ownRequest(stack.PhasePost, "/", stack.ExpectHTTP{Status: []int{404}})
	o.ID = "front-page"
	list := []gate.Gate{One(o)}
	if list[0].Question != "ok?" || list[0].Inspects != "GET / through the edge" {
		t.Fatalf("%+v", list)
	}
	d := ownDeployment(t)
	d.Config.Exceptions = []stack.Exception{{Rule: "declared/front-page", Subject: "GET https://" + gatetest.Domain + "/ status", Owner: "ops", Reason: "moved", Expires: "2031-01-01"}}
	if r := gatetest.Run(t.Context(), list[0], d.Subject); r.Status != stack.Passed || len(r.Accepted) != 1 {
		t.Errorf("with an exception: %s %+v", r.Status, r.Findings)
	}
	o.Mutates = flag(true)
	d.All = false
	if r := gatetest.Run(t.Context(), One(o), d.Subject); r.Status != stack.Skipped {
		t.Errorf("one that changes something: %s", r.Status)
	}
}

func TestDeclaredGatesMustFitTheRelease(t *testing.T) {
	d := ownDeployment(t)
	d.Release.Services = append(d.Release.Services, stack.Service{Name: "pgadmin"}, stack.Service{Name: "migrate", Deployed: true, OneShot: true, Layer: stack.LayerApp})
	for service, want := range map[string]string{"api": "", "apy": `no service "apy"`, "pgadmin": "not deployed", "migrate": "runs once"} {
		o := ownCommand(stack.ExpectCommand{Exit: number(0)})
		o.Command.Service = service
		d.Config.Gates.Own = []stack.OwnGate{o}
		err := Fits(d.Config, d.Release)
		if want == "" && err != nil || want != "" && (stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), "stackctl.yaml:12: gate U1: ") || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", service, err)
		}
	}
	o := ownRequest(stack.PhasePost, "/", stack.ExpectHTTP{Status: []int{200}})
	o.HTTP.HeaderFiles = map[string]string{"X-Key": "/nowhere/key"}
	d.Config.Gates.Own = []stack.OwnGate{o}
	if err := Fits(d.Config, d.Release); err == nil || !strings.Contains(err.Error(), "X-Key") {
		t.Errorf("%v", err)
	}
}
