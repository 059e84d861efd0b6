package auth

import (
	"net/http"
	"net/url"
	"testing"

	"stackctl/pkg/stackctl/gate/gatetest"
)

// withProvider gives the site a sign-in with a provider; change breaks the
// redirect, callback answers what the provider never sent.
func withProvider(t *testing.T, change func(q url.Values), callback http.HandlerFunc) *gatetest.Deployment {
	d := gatetest.GoodDeployment(t)
	d.Config.Gates.Auth.OAuth = "/auth/google"
	d.Site.Wrap = func(w http.ResponseWriter, r *http.Request) bool {
		switch r.URL.Path {
		case "/auth/google":
			q := url.Values{
				"response_type": {"code"}, "client_id": {"site"}, "scope": {"openid email"}, "state": {gatetest.Token()}, "nonce": {gatetest.Token()},
				"code_challenge": {gatetest.Token()[:43]}, "code_challenge_method": {"S256"},
				"redirect_uri": {"https://" + gatetest.Domain + "/api/auth/google/callback"},
			}
			change(q)
			d.Site.SetCookie(w, "__Host-oauth", gatetest.Token())
			http.Redirect(w, r, "https://provider.example/authorize?"+q.Encode(), http.StatusFound)
		case "/auth/google/callback":
			callback(w, r)
		default:
			return false
		}
		return true
	}
	return d
}

func toLogin(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "/login?error=provider", http.StatusFound)
}

func TestProviderSignIn(t *testing.T) {
	d := withProvider(t, func(url.Values) {}, toLogin)
	gatetest.Passes(t, Walk(), d.Subject)
	if d.Site.Asked["/auth/google/callback"] != 3 {
		t.Errorf("asked %v", d.Site.Asked)
	}
	for name, m := range map[string]struct {
		change   func(q url.Values)
		callback http.HandlerFunc
		want     string
	}{
		"no state":           {func(q url.Values) { q.Del("state") }, toLogin, "redirect's state"},
		"a short state":      {func(q url.Values) { q.Set("state", "1234") }, toLogin, "redirect's state"},
		"one state for all":  {func(q url.Values) { q.Set("state", "0123456789abcdef0123456789abcdef") }, toLogin, "state is used twice"},
		"no nonce":           {func(q url.Values) { q.Del("nonce") }, toLogin, "redirect's nonce"},
		"no PKCE":            {func(q url.Values) { q.Del("code_challenge") }, toLogin, "code_challenge"},
		"plain PKCE":         {func(q url.Values) { q.Set("code_challenge_method", "plain") }, toLogin, "code_challenge_method"},
		"implicit flow":      {func(q url.Values) { q.Set("response_type", "id_token") }, toLogin, "response_type"},
		"no openid":          {func(q url.Values) { q.Set("scope", "email") }, toLogin, "scope"},
		"redirect elsewhere": {func(q url.Values) { q.Set("redirect_uri", "https://evil.example/") }, toLogin, "redirect_uri"},
		"redirect in clear":  {func(q url.Values) { q.Set("redirect_uri", "http://"+gatetest.Domain+"/api/auth/google/callback") }, toLogin, "redirect_uri"},
		"a forged callback is welcome": {func(url.Values) {}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) },
			"is not refused"},
		"a forged callback fails": {func(url.Values) {}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "failure of the server"},
	} {
		t.Run(name, func(t *testing.T) {
			gatetest.Catches(t, Walk(), withProvider(t, m.change, m.callback).Subject, m.want)
		})
	}
}

func TestForgedCallbackThatLogsIn(t *testing.T) {
	var d *gatetest.Deployment
	d = withProvider(t, func(url.Values) {}, func(w http.ResponseWriter, r *http.Request) {
		token := gatetest.Token()
		d.Site.Mu.Lock()
		d.Site.Sessions[token] = gatetest.SlicesFirst(d.Site.Users)
		d.Site.Mu.Unlock()
		d.Site.SetCookie(w, gatetest.Cookie, token)
		http.Redirect(w, r, "/", http.StatusFound)
	})
	gatetest.Catches(t, Walk(), d.Subject, "session after a")
}
