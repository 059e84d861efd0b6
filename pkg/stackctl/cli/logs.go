package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// logsOptions are the flags of logs, and what it needs.
type logsOptions struct {
	*printer
	project *project

	services []string // none: all
	follow   bool
	tail     int
	since    string
}

func newLogs(s *session, run func(context.Context, *logsOptions) error) *cobra.Command {
	o := &logsOptions{printer: s.printer, project: s.project}
	cmd := &cobra.Command{
		Use: "logs [SERVICE...]", Args: cobra.ArbitraryArgs,
		Short: "Show what services of the live release, the edge and the data layer log",
		Long: `logs shows the last lines of each service, or of the named ones, each after its
service's name; the lines of one service alone stand without it. Known secrets
are masked. With --output json a line is an object with service, container,
release, stream, at (its time) and line. --follow goes on through deploys and restarts: it says
when a container stops, and follows the one that takes its place.`,
		Example: "  stackctl logs\n  stackctl logs api worker --since 15m\n  stackctl logs -f --tail 20\n  stackctl logs traefik --since 2026-11-22T10:00:00Z --output json",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.services = args
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: s.project.completeServices,
	}
	cmd.Flags().BoolVarP(&o.follow, "follow", "f", false, "go on as more comes, until interrupted")
	cmd.Flags().IntVarP(&o.tail, "tail", "n", 100, "how many last `lines` of each service; 0 means all")
	cmd.Flags().StringVar(&o.since, "since", "", "leave out what is older: a `time` ago such as 15m, or 2026-11-22T10:00:00Z")
	return cmd
}

func runLogs(ctx context.Context, o *logsOptions) error {
	return connect(ctx, o.project, o.redactor, func(c connection) error {
		since, err := sinceWhen(o.since, time.Now())
		if err != nil {
			return err
		}
		want := stack.LogOptions{Tail: o.tail, Since: since, Follow: o.follow, Times: true}
		look := func(ctx context.Context) ([]stack.Container, error) {
			list, err := c.current(ctx, o.services)
			return slices.DeleteFunc(list, func(c stack.Container) bool { return c.Away }), err
		}
		containers, err := c.current(ctx, o.services)
		if err == nil {
			containers, err = o.readable(containers)
		}
		switch {
		case err != nil:
			return err
		case o.follow:
			return enough(follow(ctx, c.server, newLogPage(o.printer, containers), containers, look, want))
		}
		return enough(showLogs(ctx, c.server, newLogPage(o.printer, containers), containers, want))
	})
}

// readable are the containers whose nodes answer; the others are told, and having no
// other is an error.
func (o *logsOptions) readable(containers []stack.Container) ([]stack.Container, error) {
	var out []stack.Container
	for _, c := range containers {
		if !c.Away {
			out = append(out, c)
			continue
		}
		if len(containers) == 1 {
			return nil, stack.Fault(stack.CauseStep, "read the logs of "+c.Service, errors.New("its node "+c.Node+" does not answer"), stack.AdviseAway(c.Node))
		}
		fmt.Fprintln(o.errs, o.clean(c.Service+": its node "+c.Node+" does not answer"))
	}
	return out, nil
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

// showLogs copies the logs of several containers in the order of their times.
func showLogs(ctx context.Context, server node.Server, p *logPage, containers []stack.Container, want stack.LogOptions) error {
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
			errs[i] = p.copy(ctx, server, c, want)
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
