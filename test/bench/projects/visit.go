package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// tally is how requests ended; longest is how long the slowest took, and first
// how the first lost one ended.
type tally struct {
	answered, lost int
	longest        time.Duration
	first          string
}

// visit asks ten times a second by the clock, from a second before what follows
// until the returned function ends it.
func (h *host) visit(method, url string) (end func() tally) {
	ctx, cancel := context.WithCancel(h.ctx)
	var (
		lock sync.Mutex
		all  tally
		each sync.WaitGroup
	)
	c := h.client()
	ask := func() {
		began := time.Now()
		err := fetch(h.ctx, c, method, url)
		lock.Lock()
		defer lock.Unlock()
		all.longest = max(all.longest, time.Since(began))
		if err == nil {
			all.answered++
		} else if all.lost++; all.lost == 1 {
			all.first = err.Error()
		}
	}
	each.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				each.Go(ask)
			}
		}
	})
	time.Sleep(time.Second)
	return func() tally {
		time.Sleep(time.Second)
		cancel()
		each.Wait()
		c.CloseIdleConnections()
		return all
	}
}

func fetch(ctx context.Context, c *http.Client, method, url string) error {
	req, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("%s: %.100s", resp.Status, text)
	}
	return nil
}

// client reaches the site at the droplet, on the port of the address.
func (h *host) client() *http.Client {
	roots := x509.NewCertPool()
	if pem, err := os.ReadFile(filepath.Join(h.state.Dir, "acme-roots.pem")); err == nil {
		roots.AppendCertsFromPEM(pem)
	}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(h.state.Address.String(), port))
	}
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{DialContext: dial, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 64,
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
}
