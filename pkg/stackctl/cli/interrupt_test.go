package cli

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

func TestTheSecondInterruptTellsWhatIsAwaitedAndTheThirdEnds(t *testing.T) {
	var errs bytes.Buffer
	ctx, cancel := context.WithCancelCause(t.Context())
	d, code, now := new(doing), -1, time.Now()
	i := &interrupts{errs: &errs, doing: d, cancel: cancel, exit: func(c int) { code = c }}
	d.note("prod", stack.Event{At: now, Name: "roll back"})
	i.signal(now)
	if ctx.Err() == nil || code != -1 {
		t.Fatal("the first one does not stop the run")
	}
	i.signal(now.Add(12 * time.Second))
	if said := errs.String(); !strings.Contains(said, "stopping for 12s: prod: roll back, since 12s") || code != -1 {
		t.Errorf("the second says %s, code %d", said, code)
	}
	d.note("prod", stack.Event{At: now, Kind: stack.EventVerdict, Name: "deploy"})
	i.signal(now.Add(13 * time.Second))
	if code != ExitInterrupted {
		t.Errorf("the third ends with %d", code)
	}
}

// A process of this test that waits to be told to stop, or one that is stackctl.
func TestMain(m *testing.M) {
	if os.Getenv("STACKCTL_TEST_RUNS") != "" {
		os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	if os.Getenv("STACKCTL_TEST_WAITS") != "" {
		ctx, stop := listen(os.Stderr, new(doing))
		_, _ = os.Stdout.WriteString("ready\n")
		select {
		case <-ctx.Done():
			stop()
			os.Exit(ExitInterrupted)
		case <-time.After(time.Minute):
			os.Exit(9)
		}
	}
	os.Exit(m.Run())
}

func TestEverySignalThatAsksToEndStopsTheRun(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM} {
		t.Run(s.String(), func(t *testing.T) {
			if signal.Ignored(s) {
				t.Skip("nohup keeps it from this test")
			}
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "STACKCTL_TEST_WAITS=1")
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := out.Read(make([]byte, 16)); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); cmd.ProcessState.ExitCode() != ExitInterrupted {
				t.Errorf("exit code %d, %v", cmd.ProcessState.ExitCode(), err)
			}
		})
	}
}
