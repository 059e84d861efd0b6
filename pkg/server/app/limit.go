package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"net/netip"
	"strings"
	"time"
)

// Limit bounds how often something may happen: Max times in a window of Per
// that begins with the first time.
type Limit struct {
	// Key says what is counted, and for whom.
	Key string
	Max int
	Per time.Duration
}

// Limiter counts. It must be atomic: of many attempts at once no more than Max
// pass. It answers also when its store is down, then by stricter limits.
type Limiter interface {
	// Take counts one attempt against every limit. Where one is used up,
	// nothing is counted, and wait is how long it takes until that is over.
	Take(ctx context.Context, limits []Limit) (wait time.Duration)
	// GiveBack takes what the counter own has counted, always beside the counter
	// key, back from that one; own begins anew.
	GiveBack(ctx context.Context, key, own string)
	// Remember keeps a key for a time; Known says whether it is kept.
	Remember(ctx context.Context, key string, life time.Duration)
	Known(ctx context.Context, key string) bool
}

// familiarFor is how long a network counts as the user's own after a login.
const familiarFor = 30 * 24 * time.Hour

// Bucket gives the counter's name for an address: spellings that reach the
// same mailbox share one.
func Bucket(email string) string {
	email = folded(email)
	if at := strings.LastIndexByte(email, '@'); at >= 0 {
		local, domain := email[:at], email[at+1:]
		local, _, _ = strings.Cut(local, "+")
		if domain == "googlemail.com" {
			domain = "gmail.com"
		}
		if domain == "gmail.com" {
			local = strings.ReplaceAll(local, ".", "")
		}
		email = local + "@" + domain
	}
	return hidden(email)
}

func folded(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

// hidden is an address in the name of a key, which names nobody.
func hidden(email string) string {
	sum := sha256.Sum256([]byte(email))
	return hex.EncodeToString(sum[:12])
}

// NetworkOf gives the network that shares a counter: one IPv4 address, or the
// /64 of an IPv6 address, which is what one customer has at least.
func NetworkOf(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return "unknown"
	}
	addr = addr.Unmap()
	if addr.Is4() {
		return addr.String()
	}
	prefix, _ := addr.WithZone("").Prefix(64) // 64 bits always fit IPv6
	return prefix.String()
}

// familiarKey names a network from which an account was logged in to. It is of
// that very address: whoever signs up with another spelling shares the counters,
// not what a login earns.
func familiarKey(email, network string) string {
	return "familiar:" + hidden(folded(email)) + ":" + network
}

// ownKey counts the part of a pair's tries that were made with this very address.
func ownKey(email, network string) string {
	return "login:own:" + hidden(folded(email)) + ":" + network
}

func pairKey(bucket, network string) string { return "login:pair:" + bucket + ":" + network }

// limitLogin bounds guessing: per account and network, per network, and per
// account over all networks. The last does not bind a network from which the
// user has logged in, so that nobody can lock a user out from afar.
func (a *Accounts) limitLogin(ctx context.Context, email string, kind SessionKind) error {
	bucket, network := Bucket(email), NetworkOf(OriginOf(ctx).IP)
	limits := []Limit{
		{Key: pairKey(bucket, network), Max: 10, Per: 5 * time.Minute},
		{Key: ownKey(email, network), Max: math.MaxInt32, Per: 5 * time.Minute}, // binds nobody: see loggedIn
		{Key: "login:net:" + network, Max: 200, Per: time.Minute},
	}
	if !a.Limiter.Known(ctx, familiarKey(email, network)) {
		limits = append(limits, Limit{Key: "login:account:" + bucket, Max: 60, Per: 15 * time.Minute})
	}
	return a.takeTold(ctx, AuditEvent{Action: loginAction(kind), SubjectKind: "user"}, limits)
}

// loggedIn notes that a login was no guess, nor were the tries before it: they
// are not counted, and the network is the user's own. Tries with another spelling
// of the address stay counted: that may be another user's.
func (a *Accounts) loggedIn(ctx context.Context, email string) {
	bucket, network := Bucket(email), NetworkOf(OriginOf(ctx).IP)
	a.Limiter.GiveBack(ctx, pairKey(bucket, network), ownKey(email, network))
	a.Limiter.Remember(ctx, familiarKey(email, network), familiarFor)
}

func (a *Accounts) limitSignUp(ctx context.Context, email string) error {
	return a.takeTold(ctx, AuditEvent{Action: "signup", SubjectKind: "user"}, []Limit{
		{Key: "signup:account:" + Bucket(email), Max: 6, Per: time.Hour},
		{Key: "signup:net:" + NetworkOf(OriginOf(ctx).IP), Max: 60, Per: 10 * time.Minute},
	})
}

// limitMail bounds the mails that one address gets, and that one network has
// sent. As with logins, what strangers ask for does not bind a network from which
// the user has logged in: nobody can keep a user from a new password from afar.
func (a *Accounts) limitMail(ctx context.Context, action, email string) error {
	bucket, network := Bucket(email), NetworkOf(OriginOf(ctx).IP)
	limits := []Limit{
		{Key: "mail:pair:" + bucket + ":" + network, Max: 3, Per: time.Hour},
		{Key: "mail:net:" + network, Max: 30, Per: 10 * time.Minute},
	}
	if !a.Limiter.Known(ctx, familiarKey(email, network)) {
		limits = append(limits, Limit{Key: "mail:account:" + bucket, Max: 3, Per: time.Hour})
	}
	return a.takeTold(ctx, AuditEvent{Action: action, SubjectKind: "user"}, limits)
}

// limitToken bounds the tokens that one network can try.
func (a *Accounts) limitToken(ctx context.Context, action string) error {
	return a.takeTold(ctx, AuditEvent{Action: action, SubjectKind: "user"}, []Limit{{Key: "token:net:" + NetworkOf(OriginOf(ctx).IP), Max: 60, Per: 10 * time.Minute}})
}

// limitFlow bounds the sign-ins through a provider that one network can begin:
// each is kept for a while.
func (a *Accounts) limitFlow(ctx context.Context) error {
	return a.takeTold(ctx, AuditEvent{Action: "google.login", SubjectKind: "user"}, []Limit{{Key: "flow:net:" + NetworkOf(OriginOf(ctx).IP), Max: 100, Per: 10 * time.Minute}})
}

// limitChange bounds the changes that one user makes without a password: each
// is audited, and audit events stay.
func (a *Accounts) limitChange(ctx context.Context, userID string) error {
	return a.take(ctx, []Limit{{Key: "change:" + userID, Max: 2000, Per: time.Hour}})
}

// limitConfirm bounds the passwords that can be tried within a session.
func (a *Accounts) limitConfirm(ctx context.Context, action, userID string) error {
	return a.takeTold(ctx, AuditEvent{Actor: userID, Action: action, SubjectKind: "user", SubjectID: userID}, []Limit{{Key: "confirm:" + userID, Max: 10, Per: 15 * time.Minute}})
}

func (a *Accounts) take(ctx context.Context, limits []Limit) error {
	if wait := a.Limiter.Take(ctx, limits); wait > 0 {
		return &Error{Code: CodeLimited, Message: "Too many attempts. Try again later.", RetryAfter: wait}
	}
	return nil
}

// takeTold is take that audits when a limit holds an action up: once in a while
// for each network, so that a flood does not fill the disk.
func (a *Accounts) takeTold(ctx context.Context, event AuditEvent, limits []Limit) error {
	err := a.take(ctx, limits)
	told := Limit{Key: "told:" + event.Action + ":" + NetworkOf(OriginOf(ctx).IP), Max: 1, Per: 5 * time.Minute}
	if err == nil || a.Limiter.Take(ctx, []Limit{told}) > 0 {
		return err
	}
	event.Detail = map[string]any{"reason": "limited"}
	return a.refuse(ctx, event, err)
}
