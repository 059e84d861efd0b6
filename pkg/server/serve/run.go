package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// Grace is how long requests in flight may take to end after a stop signal.
const Grace = 10 * time.Second

// Server is one listener and what it serves.
type Server struct {
	Name    string
	Addr    string
	Handler http.Handler
}

// idleTimeout is how long a connection that nothing comes by stays open. It is
// well above the 90 seconds after which the edge closes its own side: where both
// wait alike, the edge sends a write into a connection that is just being closed,
// and may not repeat it.
const idleTimeout = 5 * time.Minute

// Run serves until the context is done. Then it takes no new connection,
// finishes the requests in flight, which includes answering that it is ready,
// and returns. Stop is called once they have ended.
func Run(ctx context.Context, log *slog.Logger, servers []Server, stop func(context.Context)) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range servers {
		listener, err := net.Listen("tcp", s.Addr)
		if err != nil {
			return fmt.Errorf("listen on %s for %s: %w", s.Addr, s.Name, err)
		}
		log.Info("listening", "server", s.Name, "address", listener.Addr().String())
		server := &http.Server{
			Handler: s.Handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 20 * time.Second,
			WriteTimeout: 60 * time.Second, IdleTimeout: idleTimeout, MaxHeaderBytes: 32 << 10,
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		}
		group.Go(func() error {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve %s: %w", s.Name, err)
			}
			return nil
		})
		group.Go(func() error {
			<-ctx.Done()
			grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), Grace)
			defer cancel()
			if err := server.Shutdown(grace); err != nil {
				_ = server.Close()
				return fmt.Errorf("stop %s: requests were still in flight after %s: %w", s.Name, Grace, err)
			}
			return nil
		})
	}
	if stop != nil {
		group.Go(func() error {
			<-ctx.Done()
			grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), Grace)
			defer cancel()
			stop(grace)
			return nil
		})
	}
	return group.Wait()
}
