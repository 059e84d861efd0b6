package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sort"
	"strings"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// API is Traefik's own API on its inside entry point.
type API struct {
	// Address is host:port of the entry point, on the server's networks.
	Address string
	// Dial reaches Address; in production it is the SSH tunnel.
	Dial           func(ctx context.Context, network, address string) (net.Conn, error)
	User, Password string
}

// maxAnswer bounds an answer of Traefik's API.
const maxAnswer = 8 << 20

type apiService struct {
	Name         string   `json:"name"`
	Status       string   `json:"status"`
	Error        []string `json:"error"`
	LoadBalancer struct {
		Servers []struct {
			URL string `json:"url"`
		} `json:"servers"`
	} `json:"loadBalancer"`
}

type apiRouter struct {
	Name   string   `json:"name"`
	Rule   string   `json:"rule"`
	Status string   `json:"status"`
	Error  []string `json:"error"`
}

// WaitLive waits until Traefik serves the given files: every service has just
// their upstreams and no router is disabled. It gives the last reason why not
// when ctx ends.
func (a API) WaitLive(ctx context.Context, files []stack.File) error {
	want, err := Upstreams(files)
	if err != nil {
		return err
	}
	if err := a.poll(ctx, func(client *http.Client) error { return a.differs(ctx, client, want) }); err != nil {
		return fmt.Errorf("the edge does not serve the new routes: %w", err)
	}
	return nil
}

// Answers waits until Traefik's API answers anything at all. It gives the last
// reason why not when ctx ends.
func (a API) Answers(ctx context.Context) error {
	return a.poll(ctx, func(client *http.Client) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.Address+"/api/version", nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return fmt.Errorf("ask Traefik's API: %w", errors.Unwrap(err))
		}
		return resp.Body.Close()
	})
}

// WaitRouters waits until Traefik has loaded routers of the file provider with these
// rules, by name, or, there being false, has them no more. protocol is http or tcp.
// It gives the last reason why not when ctx ends.
func (a API) WaitRouters(ctx context.Context, protocol string, rules map[string]string, there bool) error {
	return a.poll(ctx, func(client *http.Client) error {
		var routers []apiRouter
		if err := a.get(ctx, client, "/api/"+protocol+"/routers?per_page=1000", &routers); err != nil {
			return err
		}
		for name, rule := range rules {
			i := slices.IndexFunc(routers, func(r apiRouter) bool { return r.Name == name+"@file" })
			switch {
			case there && i < 0:
				return fmt.Errorf("router %s is not loaded: the edge's Traefik may be older than 3.1", name)
			case there && routers[i].Status != "enabled":
				return fmt.Errorf("router %s is %s: %s", name, routers[i].Status, strings.Join(routers[i].Error, ", "))
			case there && routers[i].Rule != rule:
				return fmt.Errorf("router %s has the rule of before", name)
			case !there && i >= 0:
				return fmt.Errorf("router %s is still loaded", name)
			}
		}
		return nil
	})
}

// WaitPassing waits until Traefik passes the TCP connections of a service of the
// file provider on to an address. It gives the last reason why not when ctx ends.
func (a API) WaitPassing(ctx context.Context, service, address string) error {
	return a.poll(ctx, func(client *http.Client) error {
		var services []struct {
			Name         string `json:"name"`
			LoadBalancer struct {
				Servers []struct {
					Address string `json:"address"`
				} `json:"servers"`
			} `json:"loadBalancer"`
		}
		if err := a.get(ctx, client, "/api/tcp/services?per_page=1000", &services); err != nil {
			return err
		}
		for _, s := range services {
			if s.Name == service+"@file" && len(s.LoadBalancer.Servers) == 1 && s.LoadBalancer.Servers[0].Address == address {
				return nil
			}
		}
		return fmt.Errorf("service %s does not lead to %s", service, address)
	})
}

// poll asks until it gets an answer; the error is that of the last try.
func (a API) poll(ctx context.Context, ask func(client *http.Client) error) error {
	client := &http.Client{Transport: &http.Transport{DialContext: a.Dial, MaxIdleConns: 1}, Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	var why error
	for {
		err := ask(client)
		if err == nil {
			return nil
		}
		if why == nil || ctx.Err() == nil { // a question cut off at the end says nothing
			why = err
		}
		select {
		case <-ctx.Done():
			return why
		case <-tick.C:
		}
	}
}

// differs says why what Traefik serves is not what is wanted.
func (a API) differs(ctx context.Context, client *http.Client, want map[string][]string) error {
	var services []apiService
	if err := a.get(ctx, client, "/api/http/services?per_page=1000", &services); err != nil {
		return err
	}
	have := map[string][]string{}
	for _, s := range services {
		name, provider, _ := strings.Cut(s.Name, "@")
		if provider != "file" || name == ChallengeName { // no release's
			continue
		}
		if s.Status != "enabled" {
			return fmt.Errorf("service %s is %s: %s", s.Name, s.Status, strings.Join(s.Error, ", "))
		}
		have[strings.ToLower(name)] = nil
		for _, server := range s.LoadBalancer.Servers {
			have[strings.ToLower(name)] = append(have[strings.ToLower(name)], server.URL)
		}
	}
	if len(have) != len(want) {
		return fmt.Errorf("it has %d services, %d are wanted", len(have), len(want))
	}
	for name, urls := range want {
		sort.Strings(urls)
		sort.Strings(have[name])
		if !slices.Equal(urls, have[name]) {
			return fmt.Errorf("service %s leads to %s, not to %s", name, strings.Join(have[name], ", "), strings.Join(urls, ", "))
		}
	}
	var routers []apiRouter
	if err := a.get(ctx, client, "/api/http/routers?per_page=1000", &routers); err != nil {
		return err
	}
	for _, r := range routers {
		if r.Status != "enabled" && strings.HasSuffix(r.Name, "@file") {
			return fmt.Errorf("router %s is %s: %s", r.Name, r.Status, strings.Join(r.Error, ", "))
		}
	}
	return nil
}

func (a API) get(ctx context.Context, client *http.Client, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.Address+path, nil)
	if err != nil {
		return err
	}
	req.SetBasicAuth(a.User, a.Password)
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask Traefik's API: %w", errors.Unwrap(err))
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask Traefik's API: %s", resp.Status)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(into); err != nil {
		return fmt.Errorf("read Traefik's API: %w", err)
	}
	return nil
}
