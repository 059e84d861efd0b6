package engine

import (
	"context"
	"net"
	"sync"

	"github.com/moby/buildkit/identity"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/util/grpcerrors"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// share serves to one build what it asks for: files, credentials, secrets, SSH
// agents. BuildKit calls back on a connection that is opened from here
// (moby/buildkit, session/session.go, whose own server brings a second HTTP/2).
type share struct {
	id     string
	server *grpc.Server
}

func newShare(services ...session.Attachable) *share {
	s := &share{id: identity.NewID(), server: grpc.NewServer(
		grpc.MaxRecvMsgSize(mostMessage), grpc.MaxSendMsgSize(mostMessage),
		grpc.UnaryInterceptor(grpcerrors.UnaryServerInterceptor), grpc.StreamInterceptor(grpcerrors.StreamServerInterceptor))}
	grpc_health_v1.RegisterHealthServer(s.server, health.NewServer())
	for _, service := range services {
		service.Register(s.server)
	}
	return s
}

// run opens the connection and serves on it until it ends, or the context does.
func (s *share) run(ctx context.Context, dial func(ctx context.Context, meta map[string][]string) (net.Conn, error)) error {
	meta := map[string][]string{"X-Docker-Expose-Session-Uuid": {s.id}, "X-Docker-Expose-Session-Sharedkey": {""}}
	for name, service := range s.server.GetServiceInfo() {
		for _, method := range service.Methods {
			const key = "X-Docker-Expose-Session-Grpc-Method"
			meta[key] = append(meta[key], session.MethodURL(name, method.Name))
		}
	}
	conn, err := dial(ctx, meta)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, s.server.Stop)
	defer stop()
	return s.server.Serve(&oneConn{conn: conn, done: make(chan struct{})})
}

// oneConn is a listener that has one connection, and no other after it.
type oneConn struct {
	once sync.Once
	conn net.Conn
	done chan struct{}
	end  sync.Once
}

// Accept returns the connection at first, and then waits until Close.
func (l *oneConn) Accept() (conn net.Conn, err error) {
	l.once.Do(func() { conn = l.conn })
	if conn != nil {
		return conn, nil
	}
	<-l.done
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error {
	l.end.Do(func() { close(l.done) })
	return nil
}

func (l *oneConn) Addr() net.Addr { return l.conn.LocalAddr() }
