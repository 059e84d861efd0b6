package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestExecEndsAsTheCommandDid(t *testing.T) {
	var out bytes.Buffer
	for _, code := range []int{0, 1, 42, 137} {
		o := &execOptions{printer: printerTo(&out, "text"), in: strings.NewReader("given\n"), command: []string{"say", "it"}, stdin: code == 42}
		err := o.exec(t.Context(), &speaking{exit: code}, twoServices[0])
		if got := ExitCode(t.Context(), err); got != code {
			t.Errorf("exit code %d, want %d", got, code)
		}
	}
	if text := out.String(); strings.Contains(text, "hunter2") || strings.Count(text, "given") != 1 || !strings.Contains(text, "say it [redacted:password]") {
		t.Errorf("%s", text)
	}
}

func TestAnInterruptedExecSaysThatTheCommandMayGoOn(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := (&execOptions{printer: printerTo(io.Discard, "text"), command: []string{"sleep", "60"}}).exec(ctx, &speaking{}, twoServices[0])
	if ExitCode(t.Context(), err) != ExitInterrupted || !strings.Contains(err.Error(), "may go on there") {
		t.Errorf("%v", err)
	}
}

func TestATerminalIsNotGivenWithoutOne(t *testing.T) {
	o := &execOptions{printer: printerTo(io.Discard, "text"), in: strings.NewReader(""), command: []string{"sh"}}
	if err := o.terminal(t.Context(), &speaking{}, twoServices[0]); stack.CauseOf(err) != stack.CauseUsage {
		t.Errorf("%v", err)
	}
}

func TestExecForMachines(t *testing.T) {
	var out bytes.Buffer
	o := &execOptions{printer: printerTo(&out, "json"), in: strings.NewReader("one\nno end"), command: []string{"say"}, stdin: true}
	if err := o.exec(t.Context(), &speaking{exit: 3}, twoServices[0]); ExitCode(t.Context(), err) != 3 {
		t.Errorf("%v", err)
	}
	want := `{"service":"api","container":"s-api-1","release":"r","stream":"stdout","line":"say [redacted:password]"}
{"service":"api","container":"s-api-1","release":"r","stream":"stdout","line":"one"}
{"service":"api","container":"s-api-1","release":"r","stream":"stdout","line":"no end"}
{"service":"api","container":"s-api-1","release":"r","exit_code":3}
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestNoCommandRunsInAContainerThatDoesNot(t *testing.T) {
	if err := executable(stack.Container{Service: "api", State: "running"}); err != nil {
		t.Error(err)
	}
	err := executable(stack.Container{Service: "api", State: "exited"})
	if stack.CauseOf(err) != stack.CauseStep || !strings.Contains(err.Error(), "stackctl logs api") {
		t.Errorf("%v", err)
	}
}

func TestWhatBeginsWithTheCommandIsTheCommands(t *testing.T) {
	for line, want := range map[string]string{
		"db sh -c true":           "db [] [sh -c true]",
		"db -- sh -c true":        "db [] [sh -c true]",
		"db --tty psql":           "db [--tty psql] []",
		"db --tty -- psql -U app": "db [--tty] [psql -U app]",
		"db -t prod -- ls -- x":   "db [-t prod] [ls -- x]",
		"db ls -- x":              "db [] [ls -- x]",
		"db -- -odd":              "db [] [-odd]",
	} {
		service, flags, command := parts(strings.Fields(line))
		if got := fmt.Sprint(service, " ", flags, " ", command); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}

// A command runs where the service runs, though the first of its containers does not.
func TestACommandRunsInAContainerThatRuns(t *testing.T) {
	list := []stack.Container{{ID: "1", Service: "api", Node: "n1", State: "created", Away: true}, {ID: "2", Service: "api", Node: "n2", State: "exited"}, {ID: "3", Service: "api", Node: "n3", State: "running"}}
	for node, c := range map[string]struct{ id, says string }{
		"": {"3", ""}, "n3": {"3", ""}, "n2": {"", "its container is exited"}, "n1": {"", "its node n1 does not answer"}, "n4": {"", "exec in api on n4: it has no container there; name a node that it is on: n1, n2, n3"},
	} {
		got, err := executing(list, node)
		if c.says == "" && (err != nil || got.ID != c.id) || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("on %q: container %s, %v", node, got.ID, err)
		}
	}
}
