package engine

import (
	"context"
	"net"
	"time"

	control "github.com/moby/buildkit/api/services/control"
	buildkit "github.com/moby/buildkit/client"
	"github.com/moby/buildkit/identity"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/filesync"
	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// solve is one request to a BuildKit, and what is served to it meanwhile. Its
// own client does the same and more, and would add half a megabyte.
type solve struct {
	frontend     string
	attrs        map[string]string
	mounts       map[string]fsutil.FS
	names        string
	imports      []*control.CacheOptionsEntry
	entitlements []string
	attach       []session.Attachable
}

// mostMessage bounds a message in bytes, as containerd does, whose client
// BuildKit's own is.
const mostMessage = 16 << 20

// statusPatience is how long the last lines of a build that has ended are awaited.
const statusPatience = 5 * time.Second

// builder is the connection to the BuildKit that is in every Engine.
func (e *Engine) builder() (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///docker",
		grpc.WithTransportCredentials(insecure.NewCredentials()), // the way there is the Engine's own
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(mostMessage), grpc.MaxCallSendMsgSize(mostMessage)),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return e.api.DialHijack(ctx, "/grpc", "h2c", nil)
		}))
}

// solve runs one build. follow gets what becomes of its steps.
func (e *Engine) solve(ctx context.Context, s solve, follow func(*buildkit.SolveStatus)) error {
	conn, err := e.builder()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	files, err := served(s.mounts)
	if err != nil {
		return err
	}
	shared := newShare(append(s.attach, files)...)
	ended := make(chan error, 1)
	go func() {
		ended <- shared.run(ctx, func(ctx context.Context, meta map[string][]string) (net.Conn, error) {
			return e.api.DialHijack(ctx, "/session", "h2c", meta)
		})
	}()
	client, ref := control.NewControlClient(conn), identity.NewID()
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		followStatus(ctx, client, ref, follow)
	}()
	attrs := map[string]string{"name": s.names}
	_, err = client.Solve(ctx, &control.SolveRequest{
		Ref: ref, Session: shared.id, Frontend: s.frontend, FrontendAttrs: s.attrs, Entitlements: s.entitlements,
		Exporters:          []*control.Exporter{{Type: exporter, Attrs: attrs}},
		ExporterDeprecated: exporter, ExporterAttrsDeprecated: attrs, // BuildKits before 0.13 read these
		Cache: &control.CacheOptions{Imports: s.imports},
	})
	select {
	case <-followed:
	case <-time.After(statusPatience):
	case <-ctx.Done():
	}
	cancel()
	<-followed
	<-ended //nolint:errcheck // it was ended above
	return err
}

// exporter puts an image into the Engine's own store.
const exporter = "moby"

// served are the folders that a build may read.
func served(mounts map[string]fsutil.FS) (session.Attachable, error) {
	dirs := filesync.StaticDirSource{}
	for name, files := range mounts {
		// Who owns a file here is nothing to the image.
		filtered, err := fsutil.NewFilterFS(files, &fsutil.FilterOpt{Map: func(_ string, st *types.Stat) fsutil.MapResult {
			st.Uid, st.Gid = 0, 0
			return fsutil.MapResultKeep
		}})
		if err != nil {
			return nil, err
		}
		dirs[name] = filtered
	}
	return filesync.NewFSSyncProvider(dirs), nil
}

// followStatus hands on what a build tells, until it has told all. What it came to
// is the answer to the request itself.
func followStatus(ctx context.Context, client control.ControlClient, ref string, follow func(*buildkit.SolveStatus)) {
	stream, err := client.Status(ctx, &control.StatusRequest{Ref: ref})
	for err == nil {
		var r *control.StatusResponse
		if r, err = stream.Recv(); err == nil {
			follow(buildkit.NewSolveStatus(r))
		}
	}
}
