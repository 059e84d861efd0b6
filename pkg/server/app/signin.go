package app

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"net/url"
	pathpkg "path"
	"strings"
	"time"
	"unicode"
)

// Claims are what a provider says about who logged in there.
type Claims struct {
	Issuer  string
	Subject string
	Email   string
	// EmailVerified reports whether the provider knows that the address is theirs.
	EmailVerified bool
	Name          string
}

// Provider is an OpenID provider.
type Provider interface {
	// AuthURL is where a browser is sent to log in.
	AuthURL(ctx context.Context, state, nonce, verifier string) (string, error)
	// Exchange turns a code into claims whose token was signed for us, holds
	// the nonce, and is not over. CodeUnavailable where the provider is down.
	Exchange(ctx context.Context, code, verifier, nonce string) (Claims, error)
	// NamedBy says whether a callback that names this issuer may come from the
	// provider (RFC 9207): another name is refused, and so is none where the
	// provider has said that it always gives its name.
	NamedBy(issuer string) bool
}

// Once keeps values that can be taken one time.
type Once interface {
	Put(ctx context.Context, key, value string, life time.Duration) error
	// Take gives a value and removes it, in one step; false: there is none.
	Take(ctx context.Context, key string) (value string, found bool, err error)
}

// IdentityOrigin is how an identity came to its user.
type IdentityOrigin string

// The origins: the account was made with it; it was linked; it was linked in a
// session in which a second factor had been proven.
const (
	OriginMade   IdentityOrigin = "made"
	OriginLinked IdentityOrigin = "linked"
	OriginProven IdentityOrigin = "proven"
)

// Identity is who a user is at a provider.
type Identity struct {
	Origin      IdentityOrigin
	ID          string
	UserID      string
	Issuer      string
	Subject     string
	Email       string
	CreatedAt   time.Time
	LastLoginAt time.Time
}

// SignIn lets users come in through a provider.
type SignIn struct {
	Accounts *Accounts
	Provider Provider
	Once     Once
}

// flowLife is how long a user may take at the provider.
const flowLife = 10 * time.Minute

// Reasons why a sign-in did not succeed, as the login page gets them.
const (
	ReasonCancelled   = "cancelled"   // the user said no
	ReasonExpired     = "expired"     // too late, used twice, or another browser
	ReasonFailed      = "failed"      // the provider's answer does not hold
	ReasonUnavailable = "unavailable" // the provider or a store is down
	ReasonUnverified  = "unverified"  // the provider does not vouch for the address
	ReasonKnown       = "known"       // the address has an account: log in, then link
	ReasonTaken       = "taken"       // the identity belongs to another account
	ReasonRefused     = "refused"     // the account is shut
)

// flow is what is kept about one way to the provider and back.
type flow struct {
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	ReturnTo string `json:"return_to"`
	// Browser is the hash of the cookie that the browser must bring back.
	Browser []byte `json:"browser"`
	// Link is the user who wants to link; empty for a login.
	Link string `json:"link"`
}

// StartLink begins to link an identity to a user. It adds a way in, so the
// login must not be long ago.
func (s *SignIn) StartLink(ctx context.Context, session Session, had Token) (to string, browser Token, err error) {
	if err := s.Accounts.proven(ctx, session, "google.link"); err != nil {
		return "", "", err
	}
	return s.Start(ctx, "/account", session.UserID, had)
}

// Start begins a sign-in, or a link for a user who is logged in. It gives the
// address to send the browser to, and a token for a cookie of that browser: the
// one that it had, so that two tabs do not end each other's attempts.
func (s *SignIn) Start(ctx context.Context, returnTo, link string, had Token) (to string, browser Token, err error) {
	if err := s.Accounts.limitFlow(ctx); err != nil {
		return "", "", err
	}
	state, browser := NewToken(), had
	if !browser.WellFormed() {
		browser = NewToken()
	}
	f := flow{Nonce: string(NewToken()), Verifier: string(NewToken()), ReturnTo: LocalPath(returnTo), Browser: browser.Hash(), Link: link}
	text, err := json.Marshal(f)
	if err != nil {
		return "", "", err
	}
	if to, err = s.Provider.AuthURL(ctx, string(state), f.Nonce, f.Verifier); err != nil {
		return "", "", err
	}
	return to, browser, s.Once.Put(ctx, flowKey(state), string(text), flowLife)
}

func flowKey(state Token) string { return "oauth:" + string(state.Hash()) }

// Callback is what a browser brings back.
type Callback struct {
	State, Code, Error, Issuer string
	// Browser is the token from the browser's cookie, User the ID of the user
	// who is logged in there; empty: none.
	Browser Token
	User    string
	// Before is the session that the browser had; a login ends it.
	Before Token
}

// Outcome is how a sign-in ended: with a reason, or with a session to start,
// or linked.
type Outcome struct {
	Reason  string
	Session Token
	// User is who the session is of.
	User User
	// Pending is a login that waits for the code of a second factor.
	Pending  Token
	Linked   bool
	Link     bool // it was meant to link
	ReturnTo string
}

// Finish takes what the browser brings back. Errors of people and providers
// are an Outcome with a reason; an error means that we failed.
func (s *SignIn) Finish(ctx context.Context, in Callback) (Outcome, error) {
	text, found, err := s.Once.Take(ctx, flowKey(Token(in.State)))
	if err != nil {
		return Outcome{Reason: ReasonUnavailable}, nil
	}
	var f flow
	if !found || json.Unmarshal([]byte(text), &f) != nil || !sameBrowser(f, in.Browser) {
		return Outcome{Reason: ReasonExpired}, nil
	}
	out := Outcome{ReturnTo: f.ReturnTo, Link: f.Link != ""}
	switch {
	case !s.Provider.NamedBy(in.Issuer):
		out.Reason = ReasonFailed
	case in.Error == "access_denied":
		out.Reason = ReasonCancelled
	case in.Error != "" || in.Code == "":
		out.Reason = ReasonFailed
	case f.Link != in.User && f.Link != "":
		out.Reason = ReasonExpired // logged out, or somebody else meanwhile
	}
	if out.Reason != "" {
		return out, s.refused(ctx, f, out.Reason)
	}
	claims, err := s.Provider.Exchange(ctx, in.Code, f.Verifier, f.Nonce)
	if err != nil {
		out.Reason = ReasonFailed
		if CodeOf(err) == CodeUnavailable {
			out.Reason = ReasonUnavailable
		}
		return out, s.refused(ctx, f, out.Reason)
	}
	return s.arrive(ctx, out, f, in.Before, claims)
}

func sameBrowser(f flow, browser Token) bool {
	return browser != "" && subtle.ConstantTimeCompare(f.Browser, browser.Hash()) == 1
}

// action names what a flow is for, in audit events.
func (f flow) action() string {
	if f.Link != "" {
		return "google.link"
	}
	return "google.login"
}

func (s *SignIn) refused(ctx context.Context, f flow, reason string) error {
	return s.Accounts.refuse(ctx, AuditEvent{Actor: f.Link, Action: f.action(), SubjectKind: "user", SubjectID: f.Link, Detail: map[string]any{"reason": reason}}, nil)
}

// arrive links or logs in, in one transaction.
func (s *SignIn) arrive(ctx context.Context, out Outcome, f flow, before Token, claims Claims) (Outcome, error) {
	token := NewToken()
	err := s.Accounts.Store.InTx(ctx, func(tx Tx) error {
		user, reason, err := s.whose(ctx, tx, f.Link, claims)
		if err != nil {
			return err
		}
		if reason != "" {
			out.Reason = reason
			return tx.Audit(ctx, AuditEvent{Actor: f.Link, Action: f.action(), SubjectKind: "user", SubjectID: user.ID, Result: AuditRefused, Detail: map[string]any{"reason": reason}})
		}
		out.Linked = f.Link != ""
		if !out.Linked && user.SecondFactor {
			out.Pending, err = s.Accounts.waitForCode(ctx, tx, user.ID, SessionSite)
			return err
		}
		if out.Linked {
			if err := enqueueLetter(ctx, tx, LetterLinked, user.Email); err != nil {
				return err
			}
		} else {
			if _, err := tx.DropSession(ctx, before.Hash()); err != nil {
				return err
			}
			if err := s.Accounts.startSession(ctx, tx, user, SessionSite, token); err != nil {
				return err
			}
			out.Session, out.User = token, user
		}
		return tx.Audit(ctx, AuditEvent{Actor: user.ID, Action: f.action(), SubjectKind: "user", SubjectID: user.ID, Result: AuditOK})
	})
	if CodeOf(err) == CodeConflict && err != nil {
		out.Reason, out.Linked, out.Session = ReasonTaken, false, "" // by somebody else, at the same moment
		return out, s.refused(ctx, f, out.Reason)
	}
	if err != nil {
		return Outcome{Link: out.Link}, err
	}
	return out, nil
}

// whose finds or makes the user of an identity. It is keyed on issuer and
// subject alone. An address never opens an account that is there already, not
// even one that the provider vouches for: who made that account is not known
// to be the same person (SPEC A8, SECURITY 49).
func (s *SignIn) whose(ctx context.Context, tx interface {
	UserTx
	IdentityTx
}, link string, claims Claims) (user User, reason string, err error) {
	owner, err := tx.UseIdentity(ctx, claims.Issuer, claims.Subject, s.Accounts.now())
	known := err == nil
	if err != nil && CodeOf(err) != CodeNotFound {
		return User{}, "", err
	}
	switch {
	case known && link != "" && owner != link:
		return User{}, ReasonTaken, nil
	case known || link != "":
		if !known {
			owner = link
		}
		if user, err = tx.User(ctx, owner); err != nil {
			return User{}, "", err
		}
		if !s.Accounts.mayEnter(user, SessionSite) {
			return user, ReasonRefused, nil
		}
	default:
		if user, reason, err = s.newcomer(ctx, tx, claims); err != nil || reason != "" {
			return User{}, reason, err
		}
	}
	if known {
		return user, "", nil
	}
	origin := OriginLinked
	switch {
	case link == "":
		origin = OriginMade
	case user.SecondFactor:
		origin = OriginProven // StartLink asked for the code
	}
	return user, "", tx.AddIdentity(ctx, Identity{UserID: user.ID, Origin: origin, Issuer: claims.Issuer, Subject: claims.Subject, Email: shown(claims.Email), LastLoginAt: s.Accounts.now()})
}

// shown is the address at a provider as it may be shown: what is no address is
// left out.
func shown(email string) string {
	text, err := cleanText("email", email, 254, false)
	if err != nil {
		return ""
	}
	return text
}

func (s *SignIn) newcomer(ctx context.Context, tx UserTx, claims Claims) (User, string, error) {
	email, err := CleanEmail(claims.Email)
	if err != nil || !claims.EmailVerified {
		return User{}, ReasonUnverified, nil
	}
	name, err := cleanText("display_name", claims.Name, 80, false)
	if err != nil {
		name = ""
	}
	user, isNew, err := tx.AddUser(ctx, User{Email: email, EmailVerifiedAt: s.Accounts.now(), DisplayName: name, Language: OriginOf(ctx).Language})
	if err != nil {
		return User{}, "", err
	}
	if !isNew {
		return User{}, ReasonKnown, nil
	}
	return user, "", nil
}

// LocalPath returns a path of this site, or the account page for anything that
// could lead elsewhere (SECURITY 51).
func LocalPath(path string) string {
	const home = "/account"
	if len(path) < 1 || len(path) > 500 || path[0] != '/' || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\") {
		return home
	}
	for _, r := range path {
		if r <= ' ' || r == 0x7f || r > 0x7e {
			return home
		}
	}
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !plainPath(u.Path) {
		return home
	}
	return path
}

// plainPath reports whether a decoded path is one that nobody reads in two ways:
// no empty or dot segments, no backslashes, nothing that cannot be seen. The API
// is no page to come back to.
func plainPath(p string) bool {
	for _, r := range p {
		if r == '\\' || !unicode.IsGraphic(r) {
			return false
		}
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(p, "/"), "/")
	return strings.TrimSuffix(pathpkg.Clean(p), "/") == strings.TrimSuffix(p, "/") && !strings.EqualFold(first, "api")
}

// Identities lists who a user is at providers.
func (a *Accounts) Identities(ctx context.Context, userID string) ([]Identity, error) {
	return a.Store.Identities(ctx, userID)
}

// Unlink removes an identity, unless it is the user's last way in. It asks for a
// proof that is not old.
func (a *Accounts) Unlink(ctx context.Context, session Session, id string) error {
	userID := session.UserID
	if err := a.proven(ctx, session, "google.unlink"); err != nil {
		return err
	}
	return a.step(ctx, AuditEvent{Actor: userID, Action: "google.unlink", SubjectKind: "identity", SubjectID: id}, func(tx Tx) error {
		user, err := tx.User(ctx, userID) // held: two at once cannot both be the last but one
		if err != nil {
			return err
		}
		dropped, left, err := tx.DropIdentity(ctx, userID, id)
		if err != nil {
			return err
		}
		if !dropped {
			return ErrNotFound
		}
		if left == 0 && user.PasswordHash == "" && !user.Passkey {
			return &Error{Code: CodeConflict, Refusal: RefusedLastWayIn, Message: "This is your last way in. Set a password first."}
		}
		return enqueueLetter(ctx, tx, LetterUnlinked, user.Email)
	})
}
