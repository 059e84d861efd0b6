package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"

	"stackctl/pkg/server/password"
)

// client sends one request and says whether it got what it wanted.
type client func() bool

// load is a number of workers that send requests one after another, each over
// a connection of its own that stays open.
type load struct {
	workers int
	d       time.Duration
	prepare func(worker int) (client, error)
}

// run measures and prints one row.
func (l load) run(s *site, api *process, what string) error {
	clients := make([]client, l.workers)
	for i := range clients {
		c, err := l.prepare(i)
		if err != nil {
			return err
		}
		clients[i] = c
	}
	pids := []int{os.Getpid(), api.cmd.Process.Pid, s.db.PID(), s.redis.PID()}
	before := spent(pids)
	var refused atomic.Int64
	took := make([][]time.Duration, l.workers)
	began := time.Now()
	var wg sync.WaitGroup
	for i, send := range clients {
		wg.Go(func() {
			for time.Since(began) < l.d {
				at := time.Now()
				if !send() {
					refused.Add(1)
					continue
				}
				took[i] = append(took[i], time.Since(at))
			}
		})
	}
	wg.Wait()
	whole := time.Since(began)
	after := spent(pids)
	var all []time.Duration
	for _, t := range took {
		all = append(all, t...)
	}
	if len(all) == 0 {
		return fmt.Errorf("%s: not one request was answered as it should", what)
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	each := make([]string, len(pids))
	total := 0.0
	for i := range pids {
		spent := ms(after[i]-before[i]) / float64(len(all))
		each[i], total = fmt.Sprintf("%.2f", spent), total+spent
	}
	fmt.Printf("| %s | %.0f | %.1f | %.1f | %d | %s | %.0f |\n", what, float64(len(all))/whole.Seconds(), ms(at(all, 50)), ms(at(all, 99)), refused.Load(), strings.Join(each, ", "), cores*1000/total)
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func at(sorted []time.Duration, percent int) time.Duration {
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)]
}

// spent reads the CPU time of processes.
func spent(pids []int) []time.Duration {
	out := make([]time.Duration, len(pids))
	for i, pid := range pids {
		out[i], _ = cpu(pid)
	}
	return out
}

// cores is how many cores a figure stands for.
const cores = 2

// rawHashes computes hashes on both cores with nothing around them.
func rawHashes(d time.Duration) {
	p := password.Default
	var n atomic.Int64
	var wg sync.WaitGroup
	before := spent([]int{os.Getpid()})
	began := time.Now()
	for range cores {
		wg.Go(func() {
			for time.Since(began) < d {
				argon2.IDKey([]byte(secret), []byte("0123456789abcdef"), p.Time, p.MemoryKiB, p.Threads, 32)
				n.Add(1)
			}
		})
	}
	wg.Wait()
	rate := float64(n.Load()) / time.Since(began).Seconds()
	each := ms(spent([]int{os.Getpid()})[0]-before[0]) / float64(n.Load())
	fmt.Printf("| argon2id alone (%d KiB, t=%d, p=%d), %d at once | %.0f | | | | %.2f | %.0f |\n", p.MemoryKiB, p.Time, p.Threads, cores, rate, each, cores*1000/each)
}

// addresses gives every request a client address of its own: the limits per
// network are not what is measured.
var addresses atomic.Uint32

func forwarded() string {
	n := addresses.Add(1)
	return net.IPv4(10, byte(n>>16), byte(n>>8), byte(n)).String()
}

// visitor fetches the cookie and the token that a login needs.
func (s *site) visitor(c *http.Client) (cookie, token string, err error) {
	resp, err := c.Get(s.address + "/auth/csrf")
	if err != nil {
		return "", "", err
	}
	defer func() { _ = resp.Body.Close() }()
	var out struct{ Token string }
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return "", "", err
	}
	for _, c := range resp.Cookies() {
		cookie = c.Name + "=" + c.Value
	}
	return cookie, out.Token, nil
}

func (s *site) loginClient(worker int) (client, error) {
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}, Timeout: time.Minute}
	cookie, token, err := s.visitor(c)
	if err != nil {
		return nil, err
	}
	n := worker
	return func() bool {
		n += 101
		resp, err := c.Do(s.login(cookie, token, n%users))
		return answered(resp, err)
	}, nil
}

func (s *site) login(cookie, token string, user int) *http.Request {
	body := fmt.Sprintf(`{"email":"user%d@example.com","password":%q}`, user, secret)
	req, _ := http.NewRequest(http.MethodPost, s.address+"/auth/login", strings.NewReader(body))
	req.Header = http.Header{"Content-Type": {"application/json"}, "X-Csrf-Token": {token}, "Cookie": {cookie}, "X-Forwarded-For": {forwarded()}}
	return req
}

func answered(resp *http.Response, err error) bool {
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// readClient logs in once and reads from then on.
func (s *site) readClient(worker int) (client, error) {
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}, Timeout: time.Minute}
	cookie, token, err := s.visitor(c)
	if err != nil {
		return nil, err
	}
	resp, err := c.Do(s.login(cookie, token, worker%users))
	if err != nil {
		return nil, err
	}
	_ = resp.Body.Close()
	session := ""
	for _, c := range resp.Cookies() {
		if c.MaxAge > 0 {
			session = c.Name + "=" + c.Value
		}
	}
	if session == "" {
		return nil, fmt.Errorf("log in: status %d", resp.StatusCode)
	}
	req, err := http.NewRequest(http.MethodGet, s.address+"/users/me", nil)
	if err != nil {
		return nil, err
	}
	req.Header = http.Header{"Cookie": {session}}
	return func() bool { return answered(c.Do(req)) }, nil
}

// atOnce sends n logins at the same moment. An answer is one of 200, 401, and
// 503 with Retry-After; anything else counts as lost.
func (s *site) atOnce(n int) (counts map[int]int, lost int, took time.Duration) {
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: n}, Timeout: time.Minute}
	cookie, token, err := s.visitor(c)
	if err != nil {
		return nil, n, 0
	}
	counts = map[int]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	began := time.Now()
	for i := range n {
		wg.Go(func() {
			resp, err := c.Do(s.login(cookie, token, i%users))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				lost++
				return
			}
			_ = resp.Body.Close()
			counts[resp.StatusCode]++
			if resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") == "" {
				lost++
			}
		})
	}
	wg.Wait()
	return counts, lost, time.Since(began)
}
