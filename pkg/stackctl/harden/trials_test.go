package harden

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/engine"
	"stackctl/pkg/stackctl/stack"
)

// lab is a server whose services behave as a test says.
type lab struct {
	// start is why a service with a definition does not get ready, as its log has it;
	// empty: it does.
	start func(service string, definition map[string]any) string
	// page answers the routes.
	page *httptest.Server
	// runs are the definitions of the containers that are there, by service.
	runs  map[string]string
	logs  map[string]string
	ups   []string
	drops int
	// hang makes a start wait until it is told to end.
	hang func()
}

func (l *lab) Up(ctx context.Context, project string, compose []byte, services []string, _ func(service, state string)) ([]string, error) {
	var doc struct {
		Services map[string]map[string]any
	}
	if err := yaml.Unmarshal(compose, &doc); err != nil {
		return nil, err
	}
	l.ups = append(l.ups, strings.Join(services, " "))
	if l.hang != nil && len(l.ups) > 1 {
		l.runs[services[0]] = "half started"
		l.hang()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	done := map[string]bool{}
	var up func(name string) error
	up = func(name string) error {
		if done[name] {
			return nil
		}
		done[name] = true
		deps, _ := doc.Services[name]["depends_on"].(map[string]any)
		for _, dep := range slices.Sorted(maps.Keys(deps)) {
			if err := up(dep); err != nil {
				return err
			}
		}
		if definition := fmt.Sprint(doc.Services[name]); l.runs[name] != definition {
			l.runs[name], l.logs[name] = definition, l.start(name, doc.Services[name])
		}
		if l.logs[name] != "" && !strings.HasPrefix(l.logs[name], "warn") {
			failed := &engine.ServiceError{Service: name, Problem: "exited", ExitCode: 7}
			if output, is := strings.CutPrefix(l.logs[name], "unhealthy: "); is {
				failed.Output, l.logs[name] = output, "at work"
			}
			return failed
		}
		return nil
	}
	for _, name := range services {
		if err := up(name); err != nil {
			return nil, err
		}
	}
	return services, nil
}

func (l *lab) Containers(context.Context) ([]stack.Container, error) {
	out := []stack.Container{{ID: "live", Project: "shop", Service: "web"}}
	for name := range l.runs {
		out = append(out, stack.Container{ID: name, Project: stack.RehearsalProject("shop"), Service: name, State: "running", Health: "healthy", Addresses: map[string]string{"n": "10.9.8.7"}})
	}
	return out, nil
}

func (*lab) Inspect(context.Context, string) ([]byte, error) { return []byte(`{}`), nil }

func (*lab) Conduct(context.Context, string) (stack.Conduct, error) {
	return stack.Conduct{UIDs: []string{"0"}, Memory: 10 * mib, Threads: 3}, nil
}

func (l *lab) Logs(_ context.Context, container string, _ stack.LogOptions, stdout, _ io.Writer) error {
	_, err := io.WriteString(stdout, l.logs[container]+"\n")
	return err
}

func (l *lab) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if address != "10.9.8.7:8080" {
		return nil, errors.New("nothing listens at " + address)
	}
	return new(net.Dialer).DialContext(ctx, network, l.page.Listener.Addr().String())
}

func (l *lab) DropThrowaway(_ context.Context, project string, services, volumes []string) error {
	for _, name := range services {
		delete(l.runs, name)
	}
	for _, volume := range volumes {
		for name, definition := range l.runs {
			if strings.Contains(definition, "source:"+strings.TrimPrefix(volume, project+"_")+" ") {
				return fmt.Errorf("volume %s is in use by %s", volume, name)
			}
		}
	}
	return nil
}

func (l *lab) DropRehearsal(ctx context.Context, project string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	l.runs = map[string]string{}
	l.drops++
	return nil
}

// trials are those of the shop's db, migrate, books and web on a lab.
func trials(t *testing.T, l *lab, status int) Trials {
	t.Helper()
	l.runs, l.logs = map[string]string{}, map[string]string{}
	l.page = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "www.shop.example" {
			t.Errorf("a visitor of %s", r.Host)
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(l.page.Close)
	c := stack.Config{Timeouts: stack.Timeouts{Start: time.Second}, Routes: []stack.RouteSpec{{Host: "www", Service: "web", Port: 8080}}}
	return Trials{Server: l, Config: c, Release: shop(), Root: "/srv/shop/rehearsal", Services: []string{"db", "migrate", "books", "web"}, Tell: func(text string) { t.Log(text) }}
}

func tell(verdicts []Verdict) string {
	out := ""
	for _, v := range verdicts {
		out += v.Service + " " + strconv.Itoa(v.Starts) + ": " + v.Bears.String()
		for _, l := range v.Left {
			out += "; " + string(l.Measure) + " " + l.Line
		}
		if !v.Tried() {
			out += "; " + v.Untried + ": " + v.Line
		}
		out += "\n"
	}
	return out
}

func TestTrialsFindWhatEachServiceBears(t *testing.T) {
	l := &lab{start: func(service string, d map[string]any) string {
		switch {
		case service == "db" && d["cap_drop"] != nil && !strings.Contains(fmt.Sprint(d["cap_add"]), "CHOWN"):
			return "chown: Operation not permitted"
		case service == "books" && d["read_only"] == true:
			return "open /state: Read-only file system"
		case service == "migrate" && d["security_opt"] != nil:
			return "unhealthy: sudo: the no_new_privileges flag is set"
		case service == "web" && d["user"] != nil:
			return "warn: cannot write /cache: permission denied" // it gets ready all the same
		}
		return ""
	}}
	verdicts, err := trials(t, l, http.StatusNotFound).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const want = `books 2: cap_drop ALL, no-new-privileges, user 65532:65532, mem_limit 128m, pids_limit 256; read_only open /state: Read-only file system
db 2: read_only but /tmp, cap_drop ALL but CHOWN, no-new-privileges, mem_limit 128m, pids_limit 256; user 
migrate 2: read_only but /tmp, cap_drop ALL; user ; mem_limit ; no-new-privileges sudo: the no_new_privileges flag is set
web 2: read_only but /tmp, cap_drop ALL, no-new-privileges, mem_limit 128m, pids_limit 256; user warn: cannot write /cache: permission denied
`
	if got := tell(verdicts); got != want {
		t.Errorf("found\n%swant\n%s", got, want)
	}
	if len(l.runs) > 0 || l.drops < 3 {
		t.Errorf("%d containers stay after %d removals", len(l.runs), l.drops)
	}
	if ups := fmt.Sprint(l.ups); ups != "[books db migrate web db db migrate migrate books books web web]" {
		t.Errorf("started were %s", ups)
	}
}

func TestWhatIsNotReadyAsItIsIsNotTried(t *testing.T) {
	l := &lab{start: func(service string, _ map[string]any) string {
		if service == "books" {
			return "cannot reach the licence server"
		}
		return ""
	}}
	verdicts, err := trials(t, l, http.StatusOK).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := tell(verdicts)
	for _, want := range []string{"books 0: nothing; as it is, it exited with exit code 7: cannot reach the licence server", "web 0: nothing; it needs books, which is not tried", "db 1: read_only"} {
		if !strings.Contains(got, want) {
			t.Errorf("found\n%swant %s", got, want)
		}
	}
}

func TestWhatSharesAVolumeWithoutTheOtherIsTried(t *testing.T) {
	l := &lab{start: func(service string, _ map[string]any) string {
		if service == "books" {
			return "cannot reach the licence server"
		}
		return ""
	}}
	r := trials(t, l, http.StatusOK)
	for i, s := range r.Release.Services {
		if s.Name == "web" {
			r.Release.Services[i].DependsOn = nil
		}
	}
	verdicts, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := tell(verdicts); !strings.Contains(got, "web 1: read_only") {
		t.Errorf("found\n%s", got)
	}
}

func TestAServiceWhoseRouteFailsIsNotReady(t *testing.T) {
	l := &lab{start: func(string, map[string]any) string { return "" }}
	verdicts, err := trials(t, l, http.StatusBadGateway).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := tell(verdicts); !strings.Contains(got, "web 0: nothing; as it is, it does not get ready: its port 8080 answers 502") {
		t.Errorf("found\n%s", got)
	}
}

func TestTrialsThatAreInterruptedLeaveNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l := &lab{start: func(string, map[string]any) string { return "" }, hang: cancel}
	_, err := trials(t, l, http.StatusOK).Run(ctx)
	if stack.CauseOf(err) != stack.CauseInterrupted || len(l.runs) > 0 {
		t.Errorf("%d containers stay, %v", len(l.runs), err)
	}
}

func TestAProjectOfTheStagesNameIsRefused(t *testing.T) {
	l := &lab{start: func(string, map[string]any) string { return "" }}
	r := trials(t, l, http.StatusOK)
	r.Server = stranger{l}
	if _, err := r.Run(t.Context()); stack.CauseOf(err) != stack.CauseUsage || len(l.ups) > 0 {
		t.Errorf("started were %v, %v", l.ups, err)
	}
}

// stranger is a lab on which somebody else's compose project has the stage's name.
type stranger struct{ *lab }

func (stranger) Containers(context.Context) ([]stack.Container, error) {
	return []stack.Container{{Name: "x", Project: stack.RehearsalProject("shop")}}, nil
}
