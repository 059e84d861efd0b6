// Package probe owns the clients and readers that several families of gates
// use: HTTP as a visitor, the containers of a release, the running edge. It
// must not know what is good or bad about what it reads.
package probe

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/stack"
)

// EdgeAddress is where the edge is dialled from outside.
func EdgeAddress(t stack.Target, port, otherwise int) string {
	if port == 0 {
		port = otherwise
	}
	return net.JoinHostPort(cmp.Or(t.Edge.Address, t.Host), strconv.Itoa(port))
}

// Reply is one HTTP answer, read to its end or to the limit.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
	// Cut reports whether the body was longer than the limit.
	Cut bool
	// Answered reports whether a status line came, even where the body did not end.
	Answered bool
	Took     time.Duration
}

// Do sends one request and reads at most limit bytes of the answer. The
// time counts from the request to the last byte.
func Do(client *http.Client, req *http.Request, limit int64) (Reply, error) {
	start := time.Now()
	res, err := client.Do(req)
	if err != nil {
		return Reply{Took: time.Since(start)}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	r := Reply{Status: res.StatusCode, Header: res.Header, Body: body, Answered: true, Took: time.Since(start)}
	if int64(len(body)) > limit {
		r.Body, r.Cut = body[:limit], true
	}
	return r, err
}

// Client is an HTTP client over the given dialer. It follows no
// redirect, keeps no cookies and never asks for compression.
func Client(dial func(context.Context, string, string) (net.Conn, error), conf *tls.Config) *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:         dial,
			TLSClientConfig:     conf,
			TLSHandshakeTimeout: 10 * time.Second,
			ForceAttemptHTTP2:   conf != nil,
			DisableCompression:  true,
			MaxIdleConnsPerHost: 8,
			// The header of an answer is bounded like its body.
			MaxResponseHeaderBytes: 64 << 10,
		},
	}
}

// Speak makes a client talk as a service behind the edge does, and returns the
// scheme of its addresses.
func Speak(client *http.Client, scheme string) string {
	transport, is := client.Transport.(*http.Transport)
	switch {
	case scheme == "https" && is:
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} //nolint:gosec // one of its own, inside: the edge does not judge it either
		return "https"
	case scheme == "h2c" && is:
		transport.Protocols = new(http.Protocols)
		transport.Protocols.SetUnencryptedHTTP2(true)
	}
	return "http"
}

// Domain is the site's host name.
func Domain(s gate.Subject) string {
	if s.Release.Domain != "" {
		return s.Release.Domain
	}
	return s.Target.Domain
}

// Edge is a client that sees the site as a user does: it dials the edge
// whatever host name the URL has. The chain is verified where the target
// names roots; whether the certificate is the right one is gate G1's question.
func Edge(s gate.Subject) (*http.Client, error) {
	if s.Outside == nil {
		return nil, errors.New("look from outside: no dialer given")
	}
	host := s.Target.Edge.Address
	if host == "" {
		host = s.Target.Host
	}
	port := s.Target.Edge.HTTPSPort
	if port == 0 {
		port = 443
	}
	address := net.JoinHostPort(host, strconv.Itoa(port))
	conf := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true} //nolint:gosec // see above
	if s.Target.ACME.Roots != "" {
		pem, err := given.Read(s.Target.ACME.Roots, given.Most)
		if err != nil {
			return nil, fmt.Errorf("read the roots that certificates must chain to: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read the roots that certificates must chain to: %s holds no certificate", s.Target.ACME.Roots)
		}
		conf.RootCAs, conf.InsecureSkipVerify = pool, false
	}
	return Client(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return s.Outside.DialContext(ctx, network, address)
	}, conf), nil
}

// Containers are the running containers of one service of the release.
func Containers(ctx context.Context, s gate.Subject, service string) ([]stack.Container, error) {
	if s.Server == nil {
		return nil, errors.New("look from the server: no connection given")
	}
	all, err := s.Server.Containers(ctx)
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	var found []stack.Container
	for _, c := range all {
		release := c.Release
		if release == "" {
			release = c.Labels[stack.LabelRelease]
		}
		if c.Service == service && release == s.Release.ID && c.State == "running" {
			found = append(found, c)
		}
	}
	if len(found) == 0 {
		return nil, gate.NotRunning{Service: service, Release: s.Release.ID}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].Name < found[j].Name })
	return found, nil
}

// Lasting is a running container of a service that belongs to the project
// and to no release: the data layer.
func Lasting(ctx context.Context, s gate.Subject, service string) (stack.Container, error) {
	all, err := s.Server.Containers(ctx)
	if err != nil {
		return stack.Container{}, fmt.Errorf("list containers: %w", err)
	}
	for _, c := range all {
		project := c.Labels[stack.LabelProject]
		if project == "" {
			project = c.Project
		}
		if c.Service == service && c.State == "running" && (project == s.Release.Project || s.Release.Project == "") {
			return c, nil
		}
	}
	return stack.Container{}, fmt.Errorf("no running container of a service named %s", service)
}

// Inside is a client that reaches one container by its addresses,
// whatever host name the URL has.
func Inside(s gate.Subject, c stack.Container, port int) (*http.Client, error) {
	var addresses []string
	for _, a := range c.Addresses {
		if a != "" {
			addresses = append(addresses, net.JoinHostPort(a, strconv.Itoa(port)))
		}
	}
	slices.Sort(addresses)
	if len(addresses) == 0 {
		return nil, fmt.Errorf("container %s has no address on any network", c.Name)
	}
	return Client(func(ctx context.Context, network, _ string) (net.Conn, error) {
		var errs []error
		for _, a := range addresses {
			conn, err := s.Server.DialContext(ctx, network, a)
			if err == nil {
				return conn, nil
			}
			errs = append(errs, err)
		}
		return nil, errors.Join(errs...)
	}, nil), nil
}

// Port is the container port that the edge sends a service's requests to.
func Port(s gate.Subject, service string) (int, error) {
	for _, r := range s.Release.Edge.Routes {
		if r.Service == service && r.Port > 0 {
			return r.Port, nil
		}
	}
	return 0, fmt.Errorf("no route of the edge leads to service %s, so its port is not known", service)
}

var pathRule = regexp.MustCompile("Path(?:Prefix)?\\(`([^`]*)`\\)")

// Route is the route that the edge takes for a GET of path on host, and
// the path that the service behind it sees.
func Route(s gate.Subject, host, path string) (stack.Route, string, error) {
	best, length := -1, -1
	for i, r := range s.Release.Edge.Routes {
		if r.Service == "" || r.Port == 0 || !slices.Contains(r.Hosts, host) {
			continue
		}
		n := 0
		if prefixes := pathRule.FindAllStringSubmatch(r.Rule, -1); len(prefixes) > 0 {
			n = -1
			for _, p := range prefixes {
				if strings.HasPrefix(path, p[1]) {
					n = max(n, len(p[1]))
				}
			}
		}
		if n > length {
			best, length = i, n
		}
	}
	if best < 0 {
		return stack.Route{}, "", fmt.Errorf("no route of the edge matches https://%s%s", host, path)
	}
	route := s.Release.Edge.Routes[best]
	return route, strip(s, route, path), nil
}

// strip applies the strip-prefix middlewares of a route to a path.
func strip(s gate.Subject, route stack.Route, path string) string {
	for _, f := range s.Release.Edge.Dynamic {
		var doc struct {
			HTTP struct {
				Middlewares map[string]struct {
					StripPrefix struct {
						Prefixes []string `yaml:"prefixes"`
					} `yaml:"stripPrefix"`
				} `yaml:"middlewares"`
			} `yaml:"http"`
		}
		if yaml.Unmarshal(f.Content, &doc) != nil {
			continue // gate G1 judges the files themselves
		}
		for _, name := range route.Middlewares {
			name, _, _ = strings.Cut(name, "@")
			for _, prefix := range doc.HTTP.Middlewares[name].StripPrefix.Prefixes {
				if rest, ok := strings.CutPrefix(path, prefix); ok {
					return "/" + strings.TrimLeft(rest, "/")
				}
			}
		}
	}
	return path
}

// Current reports whether a container belongs to this release: the app layer of
// another release may still drain, or wait for a rollback.
func Current(s gate.Subject, c stack.Container) bool {
	return c.Project == s.Release.Project || c.Project == s.Release.AppProject()
}
