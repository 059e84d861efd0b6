package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

func newLogs(o *options) *cobra.Command {
	var l logging
	cmd := &cobra.Command{
		Use: "logs [SERVICE...]", Args: cobra.ArbitraryArgs,
		Short: "Show what services of the live release, the edge and the data layer log",
		Long: `logs shows the last lines of each service, or of the named ones, each after its
service's name; the lines of one service alone stand without it. Known secrets
are masked. With --output json a line is an object with service, container,
release, stream, at (its time) and line. --follow goes on through deploys and restarts: it says
when a container stops, and follows the one that takes its place.`,
		Example: "  stackctl logs\n  stackctl logs api worker --since 15m\n  stackctl logs -f --tail 20\n  stackctl logs traefik --since 2026-11-22T10:00:00Z --output json",
		RunE: o.onTarget(func(ctx context.Context, r reached, args []string) error {
			since, err := sinceWhen(l.since, time.Now())
			if err != nil {
				return err
			}
			want := stack.LogOptions{Tail: l.tail, Since: since, Follow: l.follow, Times: true}
			look := func(ctx context.Context) ([]stack.Container, error) { return r.current(ctx, args) }
			containers, err := look(ctx)
			switch {
			case err != nil:
				return err
			case l.follow:
				return enough(o.follow(ctx, r.server, containers, look, want))
			}
			return enough(o.logs(ctx, r.server, containers, want))
		}),
		ValidArgsFunction: o.completeServices,
	}
	cmd.Flags().BoolVarP(&l.follow, "follow", "f", false, "go on as more comes, until interrupted")
	cmd.Flags().IntVarP(&l.tail, "tail", "n", 100, "how many last `lines` of each service; 0 means all")
	cmd.Flags().StringVar(&l.since, "since", "", "leave out what is older: a `time` ago such as 15m, or 2026-11-22T10:00:00Z")
	return cmd
}

// enough takes no offence at output that nobody reads any more, as after head:
// who reads has seen enough, and nothing is wrong. It is for verbs that pass
// words on and give no verdict. A connection that breaks says EPIPE too, but not
// of a file.
func enough(err error) error {
	var file *fs.PathError
	if errors.As(err, &file) && file.Op == "write" && file.Path == os.Stdout.Name() && errors.Is(file, syscall.EPIPE) {
		return nil
	}
	return err
}

// logging are the flags of logs.
type logging struct {
	follow bool
	tail   int
	since  string
}

// sinceWhen reads a duration before now, or a time.
func sinceWhen(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	return time.Time{}, stack.Fault(stack.CauseUsage, "read --since "+text, fmt.Errorf("it is neither a time ago nor a time"), "write 15m, 2h or 2026-11-22T10:00:00Z")
}

// sorted is how many last lines of each service are put in the order of their
// times; more are shown service by service.
const sorted = 10_000

// logs copies the logs of several containers in the order of their times.
func (o *options) logs(ctx context.Context, server node.Server, containers []stack.Container, want stack.LogOptions) error {
	p := o.logPage(containers)
	p.keep = want.Tail > 0 && want.Tail <= sorted
	slots := make(chan struct{}, len(containers))
	if !p.keep {
		slots = make(chan struct{}, 1) // one service after the other
	}
	var all sync.WaitGroup
	errs := make([]error, len(containers))
	for i, c := range containers {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			errs[i] = o.copyLog(ctx, server, c, want, p)
		})
	}
	all.Wait()
	for i, err := range errs {
		if err != nil && ctx.Err() == nil {
			return unreadLog(containers[i], err)
		}
	}
	return p.flush()
}

func unreadLog(c stack.Container, err error) error {
	return stack.Fault(stack.CauseStep, "read the logs of "+c.Service, err, "")
}

func (o *options) copyLog(ctx context.Context, server node.Server, c stack.Container, want stack.LogOptions, p *logPage) error {
	out, errs := p.lines(c, "stdout"), p.lines(c, "stderr")
	cleanOut, cleanErrs := o.known.Writer(out), o.known.Writer(errs)
	err := server.Logs(ctx, c.ID, want, cleanOut, cleanErrs)
	_, _ = cleanOut.Close(), cleanErrs.Close()
	out.finish()
	errs.finish()
	return err
}

// logPage is how log lines are laid out.
type logPage struct {
	out                   io.Writer
	several, json, colour bool
	width                 int
	// keep holds the lines back until all are there, to order them.
	keep bool

	lock sync.Mutex
	kept []keptLine
	// last are the times of the last lines, by container.
	last map[string]string
}

// logPage lays out the logs of these containers.
func (o *options) logPage(containers []stack.Container) *logPage {
	p := &logPage{out: o.out, several: len(containers) > 1, json: o.output == "json", colour: o.coloured(), last: map[string]string{}}
	for _, c := range containers {
		p.width = max(p.width, len(c.Service))
	}
	return p
}

type keptLine struct {
	at   string
	text []byte
}

// lines takes the lines of one container's stream; each begins with its time.
func (p *logPage) lines(c stack.Container, stream string) *prefixed {
	prefix := ""
	if p.several {
		prefix = logPrefix(c.Service, p.width, p.colour)
	}
	return &prefixed{lock: &p.lock, emit: func(raw []byte) error {
		at, line, _ := bytes.Cut(raw, []byte(" "))
		p.last[c.ID] = string(at)
		text := append([]byte(prefix), line...)
		if p.json {
			var err error
			if text, err = json.Marshal(logLine{c.Service, c.Name, c.Release, stream, string(at), string(line)}); err != nil {
				return err
			}
		}
		text = append(text, '\n')
		if p.keep {
			p.kept = append(p.kept, keptLine{string(at), text})
			return nil
		}
		_, err := p.out.Write(text)
		return err
	}}
}

// flush writes what was held back. The engine's times are of one width, so
// their texts are in their order.
func (p *logPage) flush() error {
	slices.SortStableFunc(p.kept, func(a, b keptLine) int { return strings.Compare(a.at, b.at) })
	for _, l := range p.kept {
		if _, err := p.out.Write(l.text); err != nil {
			return err
		}
	}
	return nil
}

// logPrefix is a service's name before each of its lines.
func logPrefix(service string, width int, colour bool) string {
	text := fmt.Sprintf("%-*s | ", width, service)
	if !colour {
		return text
	}
	// Six colours that are readable on light and dark; a service keeps its own.
	h := fnv.New32a()
	_, _ = io.WriteString(h, service)
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", 31+h.Sum32()%6, text)
}

// logLine is one line of a log, for machines.
type logLine struct {
	Service   string `json:"service"`
	Container string `json:"container"`
	Release   string `json:"release,omitempty"`
	Stream    string `json:"stream"`
	At        string `json:"at"`
	Line      string `json:"line"`
}
