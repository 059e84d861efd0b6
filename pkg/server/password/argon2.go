// Package password owns the hashing of passwords with argon2id (RFC 9106): the
// parameters, the stored form, and how many hashes run at once. It must not
// know users or the rules for a good password.
package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"

	"stackctl/pkg/server/app"
)

// Params are the cost of one hash.
type Params struct {
	MemoryKiB uint32
	Time      uint32
	Threads   uint8
}

// Default is 19 MiB, 2 passes, 1 lane: the least that OWASP recommends, about
// 30 ms a hash.
var Default = Params{MemoryKiB: 19 * 1024, Time: 2, Threads: 1}

const (
	saltBytes = 16
	keyBytes  = 32
)

// Hasher hashes passwords. At most Parallel run at once; the others wait.
type Hasher struct {
	params Params
	slots  chan struct{}
	queue  chan struct{}
	wait   time.Duration
	// decoy is the stored form of no password.
	decoy string
	done  atomic.Int64
	work  atomic.Int64
}

// New makes a Hasher that runs at most parallel hashes at once, lets at most
// queued calls wait, each for at most wait, and refuses the rest.
func New(p Params, parallel, queued int, wait time.Duration) *Hasher {
	h := &Hasher{
		params: p, wait: wait,
		slots: make(chan struct{}, max(1, parallel)),
		queue: make(chan struct{}, max(1, parallel)+queued),
	}
	var salt [saltBytes]byte
	var key [keyBytes]byte
	rand.Read(salt[:])
	rand.Read(key[:])
	h.decoy = p.text(salt[:], key[:])
	return h
}

// Hash makes the stored form: $argon2id$v=19$m=…,t=…,p=…$salt$key.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	done, err := h.enter(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	return h.encode(password), nil
}

func (h *Hasher) encode(password string) string {
	var salt [saltBytes]byte
	rand.Read(salt[:])
	return h.params.text(salt[:], h.key(h.params, password, salt[:], keyBytes))
}

// text is the stored form of a hash.
func (p Params) text(salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.MemoryKiB, p.Time, p.Threads,
		b64.EncodeToString(salt), b64.EncodeToString(key))
}

// Verify reports whether the password fits the stored form, and whether that form
// is weaker than Hash makes now. An empty one takes the time of a real one and
// fits nothing.
func (h *Hasher) Verify(ctx context.Context, stored, password string) (ok, weak bool, err error) {
	done, err := h.enter(ctx)
	if err != nil {
		return false, false, err
	}
	defer done()
	if stored == "" {
		_, _, err := h.match(h.decoy, password)
		return false, false, err
	}
	return h.match(stored, password)
}

func (h *Hasher) match(stored, password string) (ok, weak bool, err error) {
	p, salt, key, err := parse(stored)
	if err != nil {
		return false, false, err
	}
	ok = subtle.ConstantTimeCompare(h.key(p, password, salt, uint32(len(key))), key) == 1 //nolint:gosec // no row holds a key of gigabytes
	weak = p.MemoryKiB < h.params.MemoryKiB || p.Time < h.params.Time
	if !ok {
		h.makeUp(p, password, salt)
	}
	return ok, weak, nil
}

// makeUp spends what a cheaper hash has saved: a refusal takes the same time
// whatever is stored, so that the time does not tell that something is.
func (h *Hasher) makeUp(p Params, password string, salt []byte) {
	if left := h.params.work() - p.work(); left > 0 {
		h.key(Params{MemoryKiB: uint32(left / int64(h.params.Time)), Time: h.params.Time, Threads: h.params.Threads}, password, salt, keyBytes) //nolint:gosec // it is at most h.params.MemoryKiB
	}
}

// key computes one hash and counts its work.
func (h *Hasher) key(p Params, password string, salt []byte, length uint32) []byte {
	h.work.Add(p.work())
	return argon2.IDKey([]byte(password), salt, p.Time, p.MemoryKiB, p.Threads, length)
}

// work is what the time of a hash is made of: KiB that are filled, over all
// passes.
func (p Params) work() int64 { return int64(p.MemoryKiB) * int64(p.Time) }

// parse reads the stored form. Its bounds keep a damaged row from asking for
// gigabytes.
func parse(stored string) (p Params, salt, key []byte, err error) {
	var version int
	var salt64, key64 string
	_, err = fmt.Sscanf(replaceDollar(stored), " argon2id v=%d m=%d,t=%d,p=%d %s %s", &version, &p.MemoryKiB, &p.Time, &p.Threads, &salt64, &key64)
	if err == nil && (version != argon2.Version || p.MemoryKiB > 1<<20 || p.MemoryKiB < 8 || p.Time < 1 || p.Time > 100 || p.Threads < 1) {
		err = fmt.Errorf("parameters out of bounds")
	}
	if err == nil {
		salt, err = base64.RawStdEncoding.DecodeString(salt64)
	}
	if err == nil {
		key, err = base64.RawStdEncoding.DecodeString(key64)
	}
	if err == nil && (len(salt) < 8 || len(key) < 16) {
		err = fmt.Errorf("salt or key too short")
	}
	if err != nil {
		return p, nil, nil, fmt.Errorf("read a stored password hash: %w", err)
	}
	return p, salt, key, nil
}

func replaceDollar(s string) string {
	b := []byte(s)
	for i := range b {
		if b[i] == '$' {
			b[i] = ' '
		}
	}
	return string(b)
}

// Done is how many passwords were hashed or compared.
func (h *Hasher) Done() int64 { return h.done.Load() }

// Work is how many KiB were filled for that, over all passes.
func (h *Hasher) Work() int64 { return h.work.Load() }

// enter waits for a slot; the returned function gives it back.
func (h *Hasher) enter(ctx context.Context) (func(), error) {
	select {
	case h.queue <- struct{}{}:
	default:
		return nil, app.Unavailable("Too many logins are waiting.", nil)
	}
	timer := time.NewTimer(h.wait)
	defer timer.Stop()
	select {
	case h.slots <- struct{}{}:
		return func() { h.done.Add(1); <-h.slots; <-h.queue }, nil
	case <-timer.C:
		<-h.queue
		return nil, app.Unavailable("Too many logins are waiting.", nil)
	case <-ctx.Done():
		<-h.queue
		return nil, app.Unavailable("The request was given up while it waited.", ctx.Err())
	}
}
