package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sort"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"stackctl/pkg/contract"
	"stackctl/pkg/server/app"
	"stackctl/pkg/server/csrf"
	"stackctl/pkg/server/httpapi"
)

// anybody is accounts and a provider that take what they are given and see
// that it is within the contract's bounds.
type anybody struct {
	t     testing.TB
	user  app.User
	calls int
}

// took notes a call and judges the texts that it was given.
func (a *anybody) took(bounds map[string]int) {
	a.calls++
	for text, longest := range bounds {
		if !utf8.ValidString(text) || utf8.RuneCountInString(text) > longest {
			a.t.Errorf("%q came through", text)
		}
	}
}

func (a *anybody) session() app.Session {
	return app.Session{ID: a.user.ID, UserID: a.user.ID, Kind: app.SessionSite}
}

func (a *anybody) SignUp(_ context.Context, in app.SignUp) error {
	a.took(map[string]int{in.Email: 254, in.Password: 256, in.DisplayName: 80})
	return nil
}

func (a *anybody) LogIn(_ context.Context, email, password string, _ app.SessionKind, _ app.Token) (app.Token, app.User, error) {
	a.took(map[string]int{email: 254, password: 256})
	return app.NewToken(), a.user, nil
}
func (a *anybody) LogOut(context.Context, app.User, app.Token) error { a.took(nil); return nil }
func (a *anybody) Authenticate(context.Context, app.Token, app.SessionKind) (app.Session, app.User, error) {
	return a.session(), a.user, nil
}

func (a *anybody) UpdateProfile(_ context.Context, _ string, u app.ProfileUpdate) (app.User, error) {
	for text, longest := range map[*string]int{u.DisplayName: 80, u.AvatarURL: 500, u.Bio: 1000} {
		if text != nil {
			a.took(map[string]int{*text: longest})
		}
	}
	return a.user, nil
}

func (a *anybody) Forgot(_ context.Context, email string) error {
	a.took(map[string]int{email: 254})
	return nil
}

func (a *anybody) Reset(_ context.Context, token app.Token, password string) (app.User, error) {
	a.took(map[string]int{string(token): 100, password: 256})
	return a.user, nil
}
func (a *anybody) Familiar(context.Context, app.User) app.Device   { return "" }
func (a *anybody) AskVerification(context.Context, app.User) error { a.took(nil); return nil }
func (a *anybody) Verify(_ context.Context, _ string, token app.Token) (app.User, error) {
	a.took(map[string]int{string(token): 100})
	return a.user, nil
}

func (a *anybody) ChangePassword(_ context.Context, _ app.User, _ app.Session, current, next string) (app.Token, error) {
	a.took(map[string]int{current: 256, next: 256})
	return app.NewToken(), nil
}

func (a *anybody) DeleteSelf(_ context.Context, _ app.User, _ app.Session, password string) error {
	a.took(map[string]int{password: 256})
	return nil
}

func (a *anybody) Sessions(context.Context, string) ([]app.Session, error) {
	return []app.Session{a.session()}, nil
}
func (a *anybody) EndSession(_ context.Context, _, id string) error {
	a.took(map[string]int{id: 36})
	return nil
}
func (a *anybody) EndOtherSessions(context.Context, string, string) error { a.took(nil); return nil }
func (a *anybody) Identities(context.Context, string) ([]app.Identity, error) {
	return nil, nil
}
func (a *anybody) EnterCode(_ context.Context, _ app.Token, code string, _ app.SessionKind, _ app.Token) (app.Token, app.User, error) {
	a.took(map[string]int{code: 40})
	return app.NewToken(), a.user, nil
}

func (a *anybody) Prove(_ context.Context, _ app.User, _ app.Session, password, code string) error {
	a.took(map[string]int{password: 256, code: 40})
	return nil
}

func (a *anybody) FactorState(context.Context, string) (app.FactorState, error) {
	return app.FactorState{}, nil
}

func (a *anybody) BeginFactor(context.Context, app.User, app.Session) (app.FactorSetup, error) {
	a.took(nil)
	return app.FactorSetup{URI: "otpauth://totp/x"}, nil
}

func (a *anybody) ConfirmFactor(_ context.Context, _ app.User, _ app.Session, code string) ([]string, app.Token, error) {
	a.took(map[string]int{code: 40})
	return []string{"x"}, app.NewToken(), nil
}
func (a *anybody) DropFactor(context.Context, app.User, app.Session) error { a.took(nil); return nil }
func (a *anybody) RenewRecoveryCodes(context.Context, app.User, app.Session) ([]string, error) {
	a.took(nil)
	return []string{"x"}, nil
}
func (a *anybody) Unlink(_ context.Context, _ app.Session, id string) error {
	a.took(map[string]int{id: 36})
	return nil
}

func (a *anybody) Start(_ context.Context, returnTo, _ string, _ app.Token) (string, app.Token, error) {
	a.took(map[string]int{returnTo: 500})
	return "https://provider.example/authorize", app.NewToken(), nil
}

func (a *anybody) StartLink(context.Context, app.Session, app.Token) (string, app.Token, error) {
	a.took(nil)
	return "https://provider.example/authorize", app.NewToken(), nil
}

func (a *anybody) Finish(_ context.Context, in app.Callback) (app.Outcome, error) {
	a.took(map[string]int{in.State: 200, in.Code: 2048, in.Error: 200, in.Issuer: 500})
	return app.Outcome{Reason: app.ReasonFailed}, nil
}

// operation is one operation of the contract.
type operation struct {
	method, path string
	body         bool
}

func operations(t testing.TB) []operation {
	t.Helper()
	doc, err := contract.Load()
	if err != nil {
		t.Fatal(err)
	}
	var all []operation
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			all = append(all, operation{method, path, op.RequestBody != nil})
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].path+all[i].method < all[j].path+all[j].method })
	return all
}

// FuzzOperations sends anything to every operation of the contract, with a good
// session and token: no answer is an internal error, every error is a problem
// that repeats no value, and what comes through is within the contract's bounds.
func FuzzOperations(f *testing.F) {
	all := operations(f)
	for i, op := range all {
		f.Add(uint8(i), "application/json", []byte(`{}`), "", "00000000-0000-4000-8000-000000000000")
		if op.body {
			for _, body := range []string{
				`{"email":"ada@example.com","password":"plum-lantern-41-orbit","display_name":"Ada"}`, `{"token":"x","password":"plum-lantern-41-orbit"}`, `{"bio":"a","display_name":"b","avatar_url":"https://img.example.com/"}`,
				`{"current_password":"x","new_password":"plum-lantern-41-orbit"}`, `{"password":null}`, anAnswer,
				`{"name":"x","id":"eA","client_data":"eA","attestation":"eA","transports":["usb"]}`, `{"bio":"\ud800"}`, `{"bio":1e400,"a":[[[[]]]]}`, `{"bio":"a","bio":"b"}`, "\xef\xbb\xbf{}", `[]`, `"x"`,
			} {
				f.Add(uint8(i), "application/json; charset=utf-8", []byte(body), "", "x")
			}
		} else {
			f.Add(uint8(i), "", []byte(nil), "return_to=/account&state=x&code=y&iss=z&error=%00", "%00")
		}
	}
	secret := []byte(strings.Repeat("0123456789abcdef", 4))
	key, err := csrf.NewKey(secret)
	if err != nil {
		f.Fatal(err)
	}
	token := app.NewToken()
	up := func(context.Context) error { return nil }
	who := &anybody{user: app.User{ID: "00000000-0000-4000-8000-000000000000", Email: "ada@example.com", CreatedAt: time.Unix(0, 0)}}
	api, err := httpapi.New(httpapi.Options{Accounts: who, Passkeys: anykey{who}, SignIn: who, CSRF: key, Health: httpapi.Health{Database: up, Redis: up, Schema: func(context.Context) (int64, error) { return 1, nil }}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, n uint8, kind string, body []byte, query, id string) {
		op := all[int(n)%len(all)]
		who.t, who.calls = t, 0
		r := httptest.NewRequest(op.method, strings.ReplaceAll(op.path, "{id}", "x"), bytes.NewReader(body))
		r.URL = &url.URL{Path: strings.ReplaceAll(op.path, "{id}", id), RawQuery: query}
		r.Header = http.Header{"Content-Type": {kind}, "Cookie": {"__Host-session=" + string(token)}, "X-Csrf-Token": {key.Token("session", string(token))}}
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		if w.Code == http.StatusInternalServerError || w.Code < 400 && op.body && (who.calls == 0 || !json.Valid(body)) {
			t.Errorf("%s %s: %d after %d calls: %s", op.method, r.URL, w.Code, who.calls, w.Body)
		}
		if w.Code >= 400 && (w.Header().Get("Content-Type") != "application/problem+json" || !json.Valid(w.Body.Bytes()) || w.Body.Len() > 64<<10 || who.calls > 0) {
			t.Errorf("%s %s: %d %v after %d calls: %s", op.method, r.URL, w.Code, w.Header(), who.calls, w.Body)
		}
	})
}
