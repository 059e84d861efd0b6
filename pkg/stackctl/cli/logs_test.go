package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// speaking is a server whose containers log and execute what a test says.
type speaking struct {
	node.Server
	logs map[string][2]string // container → stdout, stderr
	exit int

	lock sync.Mutex
	want stack.LogOptions
}

func (s *speaking) Logs(_ context.Context, container string, o stack.LogOptions, stdout, stderr io.Writer) error {
	s.lock.Lock()
	s.want = o
	s.lock.Unlock()
	_, _ = io.WriteString(stderr, s.logs[container][1])
	_, _ = io.WriteString(stdout, s.logs[container][0])
	return nil
}

func (s *speaking) ExecStream(_ context.Context, _ string, argv []string, stdin io.Reader, stdout, _ io.Writer) (int, error) {
	_, _ = io.WriteString(stdout, strings.Join(argv, " ")+" hunter2-hunter2\n")
	if stdin != nil {
		_, _ = io.Copy(stdout, stdin)
	}
	return s.exit, nil
}

var twoServices = []stack.Container{{ID: "1", Service: "api", Name: "s-api-1", Release: "r"}, {ID: "2", Service: "worker", Name: "s-worker-1"}}

func twoLogs() *speaking {
	return &speaking{logs: map[string][2]string{
		"1": {"2026-11-22T10:00:03.000000000Z third hunter2-hunter2\n", "2026-11-22T10:00:01.000000000Z first \x1b[2J\n"},
		"2": {"2026-11-22T10:00:02.000000000Z second\n2026-11-22T10:00:04.000000000Z no end", ""},
	}}
}

func TestLogsOfSeveralServicesAreInTheOrderOfTheirTimes(t *testing.T) {
	var out bytes.Buffer
	if err := showLogs(t.Context(), twoLogs(), newLogPage(printerTo(&out, "text"), twoServices), twoServices, stack.LogOptions{Tail: 10, Times: true}); err != nil {
		t.Fatal(err)
	}
	want := "api    | first [2J\nworker | second\napi    | third [redacted:password]\nworker | no end\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestLogsOfOneServiceStandWithoutItsName(t *testing.T) {
	var out bytes.Buffer
	if err := showLogs(t.Context(), twoLogs(), newLogPage(printerTo(&out, "text"), twoServices[1:]), twoServices[1:], stack.LogOptions{Times: true}); err != nil {
		t.Fatal(err)
	}
	if out.String() != "second\nno end\n" {
		t.Errorf("got %q", out.String())
	}
}

func TestLogsForMachines(t *testing.T) {
	var out bytes.Buffer
	if err := showLogs(t.Context(), twoLogs(), newLogPage(printerTo(&out, "json"), twoServices), twoServices, stack.LogOptions{Times: true}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var first logLine
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil || len(lines) != 4 {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if first != (logLine{"api", "", "s-api-1", "r", "stderr", "2026-11-22T10:00:01.000000000Z", "first [2J"}) || strings.Contains(out.String(), "hunter2") {
		t.Errorf("%+v\n%s", first, out.String())
	}
}

func TestSince(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{"": {}, "15m": now.Add(-15 * time.Minute), "2026-11-22T10:00:00Z": now.Add(-2 * time.Hour)} {
		if got, err := sinceWhen(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"soon", "-5m", "2026-11-22"} {
		if _, err := sinceWhen(text, now); stack.CauseOf(err) != stack.CauseUsage {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Two containers of one service are told apart by their nodes.
func TestLogsOfAClusterNameTheNode(t *testing.T) {
	two := []stack.Container{{ID: "1", Service: "api", Node: "node2"}, {ID: "2", Service: "api", Node: "node10"}}
	for output, want := range map[string]string{
		"text": "api on node2  | first [2J\napi on node10 | second\n",
		"json": `"service":"api","node":"node10","container":""`,
	} {
		var out bytes.Buffer
		if err := showLogs(t.Context(), twoLogs(), newLogPage(printerTo(&out, output), two), two, stack.LogOptions{Tail: 10, Times: true}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}
