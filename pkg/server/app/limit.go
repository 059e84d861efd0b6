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
	// Key is what is counted, and for whom.
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
}

// Bucket returns the counter's name for an address: spellings that reach the
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

// NetworkOf returns the network that shares a counter: one IPv4 address, or the
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

// tries are the limits on logins to an account from one way in. Whoever signs up
// with another spelling of the address shares them. A way that the site does not
// know shares two more: with its network, and with all that guess at the account.
func tries(bucket, from string, familiar bool) []Limit {
	limits := []Limit{{Key: "login:pair:" + bucket + ":" + from, Max: 10, Per: 5 * time.Minute}}
	if !familiar {
		limits = append(limits,
			Limit{Key: "login:net:" + from, Max: 200, Per: time.Minute},
			Limit{Key: "login:account:" + bucket, Max: 60, Per: 15 * time.Minute})
	}
	return limits
}

// beside returns a counter beside each limit that binds nobody: it counts what one
// user takes of it, so that forgive can give that back and nothing else.
func beside(limits []Limit, own string) []Limit {
	var out []Limit
	for _, l := range limits {
		out = append(out, Limit{Key: "own:" + own + ":" + l.Key, Max: math.MaxInt32, Per: l.Per})
	}
	return out
}

// forgive returns what one user has taken of limits: mistypes of somebody who
// then knew the secret are no guesses, and use up nobody's budget.
func (a *Accounts) forgive(ctx context.Context, limits []Limit, own string) {
	for i, l := range beside(limits, own) {
		a.Limiter.GiveBack(ctx, limits[i].Key, l.Key)
	}
}

// wayIn is where a login comes from: a device that the site knows, or else a
// network.
func (a *Accounts) wayIn(ctx context.Context, email string) (from string, familiar bool) {
	if id, known := a.Devices.Knows(deviceOf(ctx), email, a.now()); known {
		return "device:" + id, true
	}
	return NetworkOf(OriginOf(ctx).IP), false
}

// limitLogin bounds guessing: per account and network, per network, and per
// account over all networks. On a device from which the user has logged in,
// guesses have a counter of their own, and no other binds: nobody else can lock
// a user out there, neither from afar nor from the same network. The device is
// known by what the site signed, so that nobody finds out from an answer which
// networks or devices a user logs in from, or whether there is one.
func (a *Accounts) limitLogin(ctx context.Context, email string, kind SessionKind) error {
	limits, own := a.loginLimits(ctx, email)
	return a.takeTold(ctx, AuditEvent{Action: loginAction(kind), SubjectKind: "user"}, append(limits, beside(limits, own)...))
}

// loginLimits are the limits on a login, and the name of what this very address
// takes of them.
func (a *Accounts) loginLimits(ctx context.Context, email string) (limits []Limit, own string) {
	from, familiar := a.wayIn(ctx, email)
	return tries(Bucket(email), from, familiar), hidden(folded(email)) + ":" + from
}

// loggedIn notes that a login was no guess, nor were the tries before it from
// there. Tries with another spelling of the address stay counted: that may be
// another user's.
func (a *Accounts) loggedIn(ctx context.Context, email string) {
	limits, own := a.loginLimits(ctx, email)
	a.forgive(ctx, limits, own)
}

// limitSignUp bounds the accounts that one network makes. There is no bound by
// address: who used it up would keep its owner from signing up. The mails are
// bounded where they are sent (Mailbox).
func (a *Accounts) limitSignUp(ctx context.Context) error {
	return a.takeTold(ctx, AuditEvent{Action: "signup", SubjectKind: "user"}, []Limit{
		{Key: "signup:net:" + NetworkOf(OriginOf(ctx).IP), Max: 60, Per: 10 * time.Minute},
	})
}

// limitForgot bounds the mails that one network asks for. As with logins, a
// device that the user has logged in on has a budget of its own.
func (a *Accounts) limitForgot(ctx context.Context, email string) (familiar bool, err error) {
	from, familiar := a.wayIn(ctx, email)
	limit := Limit{Key: "mail:net:" + from, Max: 30, Per: 10 * time.Minute}
	return familiar, a.takeTold(ctx, AuditEvent{Action: "password.forgot", SubjectKind: "user"}, []Limit{limit})
}

// limitAsk bounds how often a user asks for a mail to the own address.
func (a *Accounts) limitAsk(ctx context.Context, userID string) error {
	event := AuditEvent{Actor: userID, Action: "email.ask", SubjectKind: "user", SubjectID: userID}
	return a.takeTold(ctx, event, []Limit{{Key: "mail:user:" + userID, Max: 10, Per: 10 * time.Minute}})
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

// limitPasskeyAsk bounds the passkeys that one network asks for: each question is kept
// for a while. limitPasskeyTry bounds its answers, by which nothing can be guessed.
func (a *Accounts) limitPasskeyAsk(ctx context.Context, action string) error {
	return a.limitPasskey(ctx, action, "ask", 60)
}

func (a *Accounts) limitPasskeyTry(ctx context.Context, action string) error {
	return a.limitPasskey(ctx, action, "try", 200)
}

func (a *Accounts) limitPasskey(ctx context.Context, action, what string, most int) error {
	limit := Limit{Key: "passkey:" + what + ":" + NetworkOf(OriginOf(ctx).IP), Max: most, Per: time.Minute}
	return a.takeTold(ctx, AuditEvent{Action: action, SubjectKind: "user"}, []Limit{limit})
}

// limitChange bounds the changes that one user makes without a password: each
// is audited, and audit events stay.
func (a *Accounts) limitChange(ctx context.Context, userID string) error {
	return a.take(ctx, []Limit{{Key: "change:" + userID, Max: 2000, Per: time.Hour}})
}

// limitConfirm bounds the passwords that can be tried within a session: within
// that one, so that a thief does not use up the owner's tries.
func (a *Accounts) limitConfirm(ctx context.Context, action string, session Session) error {
	event := AuditEvent{Actor: session.UserID, Action: action, SubjectKind: "user", SubjectID: session.UserID}
	limits := confirmLimits(session)
	return a.takeTold(ctx, event, append(limits, beside(limits, session.ID)...))
}

func confirmLimits(session Session) []Limit {
	return []Limit{{Key: "confirm:" + session.ID, Max: 10, Per: 15 * time.Minute}}
}

// confirmed notes that the right password was entered within a session.
func (a *Accounts) confirmed(ctx context.Context, session Session) {
	a.forgive(ctx, confirmLimits(session), session.ID)
}

// codeLimits are the limits on codes for a user, and the name of what is tried
// from there.
func (a *Accounts) codeLimits(ctx context.Context, user User) (limits []Limit, from string) {
	from, familiar := a.wayIn(ctx, user.Email)
	limits = []Limit{{Key: "code:" + user.ID + ":" + from, Max: 10, Per: 15 * time.Minute}}
	if !familiar {
		limits = append(limits, Limit{Key: "code:" + user.ID, Max: 40, Per: time.Hour})
	}
	return limits, from
}

// codeEntered notes that the right code was entered: what was tried before it from
// there is not counted.
func (a *Accounts) codeEntered(ctx context.Context, user User) {
	limits, from := a.codeLimits(ctx, user)
	a.forgive(ctx, limits, from)
}

// limitCode bounds the codes that are tried for a user who has entered the right
// password: from one device or network, and from everywhere.
func (a *Accounts) limitCode(ctx context.Context, user User, action string) error {
	limits, from := a.codeLimits(ctx, user)
	return a.takeTold(ctx, AuditEvent{Action: action, SubjectKind: "user", SubjectID: user.ID}, append(limits, beside(limits, from)...))
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
