package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"stackctl/pkg/stackctl/cli"
)

// terminal returns the two ends of a new terminal: where a person types, and
// where the program reads.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = person.Close() })
	var locked, number int32
	for request, value := range map[uintptr]*int32{syscall.TIOCSPTLCK: &locked, syscall.TIOCGPTN: &number} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, person.Fd(), request, uintptr(unsafe.Pointer(value))); errno != 0 {
			t.Fatal(errno)
		}
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = program.Close() })
	return person, program
}

// prompted is when a question was asked.
type prompted struct {
	mu   sync.Mutex
	text bytes.Buffer
	once sync.Once
	came chan struct{}
}

func (p *prompted) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text.Write(b)
	if strings.Contains(p.text.String(), "to go on: ") {
		p.once.Do(func() { close(p.came) })
	}
	return len(b), nil
}

func (p *prompted) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

func TestARestoreIsConfirmedByTheProjectsName(t *testing.T) {
	typed := func(text string) func(*testing.T, *os.File) {
		return func(t *testing.T, person *os.File) {
			if _, err := person.WriteString(text); err != nil {
				t.Error(err)
			}
		}
	}
	for name, c := range map[string]struct {
		answer func(*testing.T, *os.File)
		exit   int
		says   string
		begun  bool
	}{
		"the project":      {typed("shop\n"), cli.ExitUsage, "private key", true}, // the target's key is not there
		"another word":     {typed("shops\n"), cli.ExitUsage, "not confirmed; nothing was changed", false},
		"yes":              {typed("yes\n"), cli.ExitUsage, "not confirmed", false},
		"nothing":          {typed("\n"), cli.ExitUsage, "not confirmed", false},
		"the end of input": {typed("\x04"), cli.ExitUsage, "not confirmed", false},
		"Ctrl-C": {func(t *testing.T, _ *os.File) {
			if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
				t.Error(err)
			}
		}, cli.ExitInterrupted, "nothing was changed", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := os.WriteFile("stackctl.yaml", []byte(settings+"backup: {service: db}\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			person, program := terminal(t)
			out := &prompted{came: make(chan struct{})}
			ended := make(chan int, 1)
			go func() { ended <- cli.Main([]string{"restore", "latest"}, program, out, out) }()
			select {
			case <-out.came:
				c.answer(t, person)
			case <-time.After(60 * time.Second):
				t.Fatalf("it does not ask: %s", out)
			}
			select {
			case exit := <-ended:
				runs, _ := filepath.Glob("artifacts/*/report.json")
				if exit != c.exit || !strings.Contains(out.String(), c.says) || (len(runs) > 0) != c.begun {
					t.Errorf("exit code %d, want %d with %q; %d runs; it says\n%s", exit, c.exit, c.says, len(runs), out)
				}
			case <-time.After(60 * time.Second):
				t.Fatalf("it does not end: %s", out)
			}
		})
	}
}
