//go:build linux

package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"
)

func TestRunReturnsOutputAndExitCode(t *testing.T) {
	c := startSSHD(t, "").connect(t)
	out, err := c.Run(t.Context(), "sh", "-c", "echo out; echo err >&2; exit 7")
	must(t, err)
	if string(out.Stdout) != "out\n" || string(out.Stderr) != "err\n" || out.Exit != 7 {
		t.Errorf("%+v", out)
	}
	out, err = c.Run(t.Context(), "sh", "-c", "kill -TERM $$")
	if must(t, err); out.Exit != 143 {
		t.Errorf("ended by SIGTERM: exit %d, want 143", out.Exit)
	}
	out, err = c.Run(t.Context(), "no-such-program-here")
	if must(t, err); out.Exit != 127 {
		t.Errorf("missing program: exit %d, want 127", out.Exit)
	}
	out, err = c.RunInput(t.Context(), strings.NewReader("through"), "cat")
	if must(t, err); string(out.Stdout) != "through" {
		t.Errorf("cat printed %q", out.Stdout)
	}
	var stdout, stderr bytes.Buffer
	exit, err := c.Stream(t.Context(), &stdout, &stderr, "sh", "-c", "echo a; echo b >&2; exit 3")
	if must(t, err); exit != 3 || stdout.String() != "a\n" || stderr.String() != "b\n" {
		t.Errorf("stream: %d %q %q", exit, &stdout, &stderr)
	}
}

func TestRunRefusesWhatNoShellCanCarry(t *testing.T) {
	c := startSSHD(t, "").connect(t)
	for _, argv := range [][]string{nil, {""}, {"echo", "a\x00b"}} {
		if out, err := c.Run(t.Context(), argv...); err == nil {
			t.Errorf("%q ran: %+v", argv, out)
		}
	}
}

func TestArgumentsArriveAsTheyAre(t *testing.T) {
	c := startSSHD(t, "").connect(t)
	alphabet := []rune("ab '\"\\$`!*?[]{}()<>|&;~#=%^\n\t\r-/.,:é世\u0001\u007f")
	random := rand.New(rand.NewPCG(1, 2))
	for range 10 {
		args := []string{"printf", `%s\0`, "--"}
		for range 40 {
			var w strings.Builder
			for range random.IntN(12) {
				w.WriteRune(alphabet[random.IntN(len(alphabet))])
			}
			args = append(args, w.String())
		}
		out, err := c.Run(t.Context(), args...)
		must(t, err)
		if got, want := string(out.Stdout), strings.Join(args[2:], "\x00")+"\x00"; got != want && got != strings.TrimPrefix(want, "--\x00") {
			t.Fatalf("sent %q\n got %q", want, got)
		}
	}
}

func FuzzQuote(f *testing.F) {
	f.Add("plain", "it's")
	f.Add("", "$(reboot)")
	f.Add("-n", "a\nb")
	f.Fuzz(func(t *testing.T, a, b string) {
		line, err := Quote([]string{"cmd", a, b})
		if strings.ContainsRune(a+b, 0) {
			if err == nil {
				t.Fatal("NUL was accepted")
			}
			return
		}
		must(t, err)
		if got := unquote(t, line); len(got) != 3 || got[1] != a || got[2] != b {
			t.Fatalf("%q became %q", []string{a, b}, got)
		}
	})
}

// unquote reads a line as a POSIX shell does, and fails on anything that a
// shell would act on.
func unquote(t *testing.T, line string) []string {
	var words []string
	var word strings.Builder
	inWord, quoted := false, false
	for i := 0; i < len(line); i++ {
		b := line[i]
		switch {
		case quoted && b == '\'':
			quoted = false
		case quoted:
			word.WriteByte(b)
		case b == '\'':
			inWord, quoted = true, true
		case b == '\\' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
			inWord = true
		case b == ' ':
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		case strings.IndexByte("\n\t\"$`!*?[]{}()<>|&;~#=", b) >= 0:
			t.Fatalf("%q stands unquoted in %q", b, line)
		default:
			word.WriteByte(b)
			inWord = true
		}
	}
	if quoted {
		t.Fatalf("open quote in %q", line)
	}
	return append(words, word.String())
}

func TestCancelEndsTheRemoteCommand(t *testing.T) {
	c := startSSHD(t, "").connect(t)
	mark := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancelCause(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := c.Run(ctx, "sh", "-c", "echo $$ >\"$1\"; exec sleep 600", "sh", mark)
		failed <- err
	}()
	var pid string
	within(t, 30*time.Second, "the command", func() bool {
		b, _ := os.ReadFile(mark)
		pid = strings.TrimSpace(string(b))
		return pid != ""
	})
	why := errors.New("operator said stop")
	cancel(why)
	if err := <-failed; !errors.Is(err, why) {
		t.Errorf("says %v", err)
	}
	within(t, 30*time.Second, "the remote command to end", func() bool {
		state, err := os.ReadFile("/proc/" + pid + "/stat")
		return err != nil || strings.Contains(string(state), ") Z ")
	})
	out, err := c.Run(t.Context(), "echo", "still here")
	if must(t, err); string(out.Stdout) != "still here\n" {
		t.Errorf("the connection did not survive: %+v", out)
	}
}

func TestCommandEndsWithoutWaitingForItsInput(t *testing.T) {
	c := startSSHD(t, "").connect(t)
	never, hold := io.Pipe()
	defer hold.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	exit, err := c.Attach(ctx, never, io.Discard, io.Discard, "sh", "-c", "exit 4")
	if err != nil || exit != 4 {
		t.Errorf("exit %d, %v", exit, err)
	}
}

func TestInputThatCannotBeReadEndsTheCommand(t *testing.T) {
	c := startSSHD(t, "").connect(t)
	broken := errors.New("disk error")
	copied := filepath.Join(t.TempDir(), "copied")
	input := io.MultiReader(strings.NewReader("half of it"), iotest.ErrReader(broken))
	_, err := c.RunInput(t.Context(), input, "sh", "-c", "cat >/dev/null && touch \"$1\"", "sh", copied)
	if !errors.Is(err, broken) {
		t.Errorf("says %v", err)
	}
	if _, err := os.Stat(copied); err == nil {
		t.Error("the command took half of the input for all of it")
	}
}

func TestEndlessOutputIsCutOff(t *testing.T) {
	c := startSSHD(t, "").connect(t)
	out, err := c.Run(t.Context(), "yes")
	if !errors.Is(err, errTooLong) {
		t.Errorf("says %v", err)
	}
	if len(out.Stdout) > OutputLimit {
		t.Errorf("kept %d bytes", len(out.Stdout))
	}
}

func TestMoreCommandsThanSessionsWaitForEachOther(t *testing.T) {
	c := startSSHD(t, "MaxSessions 9").connect(t)
	_, err := c.List(t.Context(), "/") // the file channel takes a session too
	must(t, err)
	var wait sync.WaitGroup
	for i := range 40 {
		wait.Go(func() {
			out, err := c.Run(t.Context(), "sh", "-c", "sleep 0.05; echo "+fmt.Sprint(i))
			if err != nil || string(out.Stdout) != fmt.Sprintln(i) {
				t.Errorf("command %d: %v %q", i, err, out.Stdout)
			}
		})
	}
	wait.Wait()
}

func TestTooFewSessionsSaysWhatToSet(t *testing.T) {
	c := startSSHD(t, "MaxSessions 0").connect(t)
	if _, err := c.Run(t.Context(), "true"); err == nil || !strings.Contains(err.Error(), "MaxSessions") {
		t.Errorf("says %v", err)
	}
}

func TestTunnelsReachTCPAndUnixSockets(t *testing.T) {
	c := startSSHD(t, "").connect(t)
	socket := filepath.Join(t.TempDir(), "api.sock")
	for network, address := range map[string]string{"tcp": "127.0.0.1:0", "unix": socket} {
		t.Run(network, func(t *testing.T) {
			l, err := net.Listen(network, address)
			must(t, err)
			site := &http.Server{Handler: http.HandlerFunc(echo)}
			go site.Serve(l)
			t.Cleanup(func() { site.Close() })
			client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return c.DialContext(ctx, network, l.Addr().String())
			}}}
			var wait sync.WaitGroup
			for i := range 60 {
				wait.Go(func() {
					body := strings.Repeat(fmt.Sprint(i), 1000)
					answer, err := client.Post("http://there/", "text/plain", strings.NewReader(body))
					if err != nil {
						t.Error(err)
						return
					}
					defer answer.Body.Close()
					if got, err := io.ReadAll(answer.Body); string(got) != body {
						t.Errorf("request %d came back as %.40q (%d bytes, %v)", i, got, len(got), err)
					}
				})
			}
			wait.Wait()
		})
	}
	if stats := c.Stats(); stats.Tunnels == 0 || stats.Sent == 0 || stats.Received == 0 || stats.Sessions != 0 {
		t.Errorf("stats %+v", stats)
	}
}

// echo answers a request with its body.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Write(body)
}

func TestTunnelFaults(t *testing.T) {
	c := startSSHD(t, "").connect(t)
	for _, to := range [][2]string{{"tcp", fmt.Sprintf("127.0.0.1:%d", freePort(t))}, {"unix", "/nowhere/docker.sock"}, {"udp", "127.0.0.1:53"}} {
		if _, err := c.DialContext(t.Context(), to[0], to[1]); err == nil || !strings.Contains(err.Error(), to[1]) {
			t.Errorf("%v says %v", to, err)
		}
	}
	closed := startSSHD(t, "AllowTcpForwarding no\nAllowStreamLocalForwarding no").connect(t)
	for network, setting := range map[string]string{"tcp": "AllowTcpForwarding", "unix": "AllowStreamLocalForwarding"} {
		if _, err := closed.DialContext(t.Context(), network, "127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), setting) {
			t.Errorf("%s says %v", network, err)
		}
	}
}

func TestTunnelHonoursDeadlinesAndContext(t *testing.T) {
	c := startSSHD(t, "").connect(t)
	quiet := serve(t, "hello", false)
	conn, err := c.DialContext(t.Context(), "tcp", quiet)
	must(t, err)
	must(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	buffer := make([]byte, 5)
	_, err = io.ReadFull(conn, buffer)
	must(t, err)
	must(t, conn.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	began := time.Now()
	if _, err = conn.Read(buffer); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) > 3*time.Second {
		t.Errorf("read past its deadline: %v after %s", err, time.Since(began))
	}
	if _, err = conn.Read(buffer); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a second read: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.DialContext(ctx, "tcp", quiet); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled dial: %v", err)
	}
}

func TestTunnelHalfClose(t *testing.T) {
	c := startSSHD(t, "").connect(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		s, err := l.Accept()
		if err != nil {
			return
		}
		all, _ := io.ReadAll(s)
		s.Write(append(all, " back"...))
		s.Close()
	}()
	conn, err := c.DialContext(t.Context(), "tcp", l.Addr().String())
	must(t, err)
	io.WriteString(conn, "there and")
	must(t, conn.(interface{ CloseWrite() error }).CloseWrite())
	if got, _ := io.ReadAll(conn); string(got) != "there and back" {
		t.Errorf("got %q", got)
	}
}
