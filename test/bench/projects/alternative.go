package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl/test/composeup"
)

// outcome is what the alternative tells of itself.
type outcome struct {
	Took  time.Duration
	Calls int64
}

// alternative is `docker compose up --wait`, or `docker compose down --volumes`,
// and prints its outcome. What is built is built each time, as with --build.
func alternative(ctx context.Context, verb, file, name string) error {
	calls, end, err := counted()
	if err != nil {
		return err
	}
	defer end()
	began := time.Now()
	p, err := composeup.Project(ctx, file, name)
	if err != nil {
		return err
	}
	for n, s := range p.Services {
		if s.Build != nil {
			s.PullPolicy = types.PullPolicyBuild
			p.Services[n] = s
		}
	}
	if verb == "down" {
		err = composeup.Down(ctx, p)
	} else {
		err = composeup.Up(ctx, p, 5*time.Minute)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(outcome{time.Since(began), calls.Load()})
}

// counted has this process ask the Engine through a socket that counts requests.
func counted() (calls *atomic.Int64, end func(), err error) {
	dir, err := os.MkdirTemp("", "bench-engine-")
	if err != nil {
		return nil, nil, err
	}
	l, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		return nil, nil, err
	}
	to := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "engine"})
	to.FlushInterval = -1
	to.Transport = &http.Transport{DisableCompression: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", "/var/run/docker.sock")
	}}
	calls = new(atomic.Int64)
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		to.ServeHTTP(w, r)
	})}
	go func() { _ = s.Serve(l) }()
	if err := os.Setenv("DOCKER_HOST", "unix://"+l.Addr().String()); err != nil {
		return nil, nil, err
	}
	return calls, func() { _ = s.Close(); _ = os.RemoveAll(dir) }, nil
}
