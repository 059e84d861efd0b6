package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// logPage is how log lines are laid out.
type logPage struct {
	*printer
	several, colour bool
	width           int
	// keep holds the lines back until all are there, to order them.
	keep bool

	lock sync.Mutex
	kept []keptLine
	// last are the times of the last lines, by container.
	last map[string]string
}

// newLogPage returns the layout for the logs of these containers.
func newLogPage(out *printer, containers []stack.Container) *logPage {
	p := &logPage{printer: out, several: len(containers) > 1, colour: out.coloured(), last: map[string]string{}}
	for _, c := range containers {
		p.width = max(p.width, len(speaker(c)))
	}
	return p
}

// speaker names a container before its lines: its service, in a cluster with the node.
func speaker(c stack.Container) string {
	if c.Node == "" {
		return c.Service
	}
	return c.Service + " on " + c.Node
}

type keptLine struct {
	at   string
	text []byte
}

// lines takes the lines of one container's stream; each begins with its time.
func (p *logPage) lines(c stack.Container, stream string) *prefixed {
	prefix := ""
	if p.several {
		prefix = logPrefix(speaker(c), p.width, p.colour)
	}
	return &prefixed{lock: &p.lock, emit: func(raw []byte) error {
		at, line, _ := bytes.Cut(raw, []byte(" "))
		p.last[c.ID] = string(at)
		text := append([]byte(prefix), line...)
		if p.output == "json" {
			var err error
			if text, err = json.Marshal(logLine{c.Service, c.Node, c.Name, c.Release, stream, string(at), string(line)}); err != nil {
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
	Node      string `json:"node,omitempty"`
	Container string `json:"container"`
	Release   string `json:"release,omitempty"`
	Stream    string `json:"stream"`
	At        string `json:"at"`
	Line      string `json:"line"`
}

func unreadLog(c stack.Container, err error) error {
	return stack.Fault(stack.CauseStep, "read the logs of "+c.Service, err, "")
}

// copy lays out the log of a container.
func (p *logPage) copy(ctx context.Context, server node.Server, c stack.Container, want stack.LogOptions) error {
	out, errs := p.lines(c, "stdout"), p.lines(c, "stderr")
	cleanOut, cleanErrs := p.known.Writer(out), p.known.Writer(errs)
	err := server.Logs(ctx, c.ID, want, cleanOut, cleanErrs)
	_, _ = cleanOut.Close(), cleanErrs.Close()
	out.finish()
	errs.finish()
	return err
}

// after is the first moment after a container's last line; the zero time where it has none.
func (p *logPage) after(container string) time.Time {
	p.lock.Lock()
	defer p.lock.Unlock()
	at, err := time.Parse(time.RFC3339Nano, p.last[container])
	if err != nil {
		return time.Time{}
	}
	return at.Add(1)
}
