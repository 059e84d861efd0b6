package gate

import (
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

	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/stack"
)

// probeReply is one HTTP answer, read to its end or to the limit.
type probeReply struct {
	Status int
	Header http.Header
	Body   []byte
	// Cut says that the body was longer than the limit.
	Cut bool
	// Answered says that a status line came, even where the body did not end.
	Answered bool
	Took     time.Duration
}

// probeDo sends one request and reads at most limit bytes of the answer. The
// time counts from the request to the last byte.
func probeDo(client *http.Client, req *http.Request, limit int64) (probeReply, error) {
	start := time.Now()
	res, err := client.Do(req)
	if err != nil {
		return probeReply{Took: time.Since(start)}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	r := probeReply{Status: res.StatusCode, Header: res.Header, Body: body, Answered: true, Took: time.Since(start)}
	if int64(len(body)) > limit {
		r.Body, r.Cut = body[:limit], true
	}
	return r, err
}

// probeClient is an HTTP client over the given dialer. It follows no
// redirect, keeps no cookies and never asks for compression.
func probeClient(dial func(context.Context, string, string) (net.Conn, error), conf *tls.Config) *http.Client {
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

// probeDomain is the site's host name.
func probeDomain(s Subject) string {
	if s.Release.Domain != "" {
		return s.Release.Domain
	}
	return s.Target.Domain
}

// probeAbsent says that a project has nothing for a gate to look at: neither
// does the configuration name it, nor has the release a service of the name
// that would be the default. A service that is there is always looked at.
func probeAbsent(s Subject, configured bool, service string) bool {
	_, declared := s.Release.Service(service)
	return !configured && !declared
}

// probeEdge is a client that sees the site as a user does: it dials the edge
// whatever host name the URL has. The chain is verified where the target
// names roots; whether the certificate is the right one is gate G1's question.
func probeEdge(s Subject) (*http.Client, error) {
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
	return probeClient(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return s.Outside.DialContext(ctx, network, address)
	}, conf), nil
}

// notRunning says that a service of the release has no running container. The
// server was asked and told so: that is an answer, not a failure to look.
type notRunning struct{ service, release string }

func (e notRunning) Error() string {
	return fmt.Sprintf("no running container of service %s in release %s", e.service, e.release)
}

// finding is the answer of a gate that meets it.
func (e notRunning) finding() stack.Finding {
	return stack.Finding{Subject: "service " + e.service, Problem: "the service does not run", Expected: "a running container of release " + e.release, Observed: "none",
		Fix: "see `stackctl logs " + e.service + "`, then deploy again"}
}

// probeContainers are the running containers of one service of the release.
func probeContainers(ctx context.Context, s Subject, service string) ([]stack.Container, error) {
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
		return nil, notRunning{service, s.Release.ID}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].Name < found[j].Name })
	return found, nil
}

// probeLasting is a running container of a service that belongs to the project
// and to no release: the data layer.
func probeLasting(ctx context.Context, s Subject, service string) (stack.Container, error) {
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

// probeInside is a client that reaches one container by its addresses,
// whatever host name the URL has.
func probeInside(s Subject, c stack.Container, port int) (*http.Client, error) {
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
	return probeClient(func(ctx context.Context, network, _ string) (net.Conn, error) {
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

// probePort is the container port that the edge sends a service's requests to.
func probePort(s Subject, service string) (int, error) {
	for _, r := range s.Release.Edge.Routes {
		if r.Service == service && r.Port > 0 {
			return r.Port, nil
		}
	}
	return 0, fmt.Errorf("no route of the edge leads to service %s, so its port is not known", service)
}

var probePathRule = regexp.MustCompile("Path(?:Prefix)?\\(`([^`]*)`\\)")

// probeRoute is the route that the edge takes for a GET of path on host, and
// the path that the service behind it sees.
func probeRoute(s Subject, host, path string) (stack.Route, string, error) {
	best, length := -1, -1
	for i, r := range s.Release.Edge.Routes {
		if r.Service == "" || r.Port == 0 || !slices.Contains(r.Hosts, host) {
			continue
		}
		n := 0
		if prefixes := probePathRule.FindAllStringSubmatch(r.Rule, -1); len(prefixes) > 0 {
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
	return route, probeStrip(s, route, path), nil
}

// probeStrip applies the strip-prefix middlewares of a route to a path.
func probeStrip(s Subject, route stack.Route, path string) string {
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
