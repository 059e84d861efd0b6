package sandbox

import (
	"net/smtp"
	"os"
	"strings"
	"testing"

	"github.com/moby/moby/client"
)

func TestMailThatTheDropletSendsIsShown(t *testing.T) {
	s := up(t)
	// bash opens the connection itself: a bare server has no mail program.
	over(t, login(t, s), "exec 3<>/dev/tcp/"+s.SMTP.Addr().String()+"/1025; head -c 4 <&3 | grep -q 220")
	if err := smtp.SendMail(s.SMTP.String(), nil, "site@example.org", []string{"ada@example.com"}, []byte("Subject: hello\r\n\r\nfrom the site\r\n")); err != nil {
		t.Fatal(err)
	}
	list, err := s.Letters(t.Context(), "ada@example.com")
	if err != nil || len(list) != 1 || list[0].Subject != "hello" {
		t.Fatalf("the letters are %+v (%v)", list, err)
	}
	one, err := s.Letter(t.Context(), list[0].ID)
	if err != nil || !strings.Contains(one.Text, "from the site") {
		t.Errorf("the letter is %+v (%v)", one, err)
	}
	if _, err := s.Letter(t.Context(), one.ID+1); err == nil {
		t.Error("a letter is shown that never came")
	}
}

func TestDropletAndOperatorReachOneProvider(t *testing.T) {
	s := up(t)
	address := strings.TrimPrefix(s.Issuer, "http://")
	host, port, _ := strings.Cut(address, ":")
	got := over(t, login(t, s), "exec 3<>/dev/tcp/"+host+"/"+port+`; printf 'GET /.well-known/openid-configuration HTTP/1.0\r\nHost: `+address+`\r\n\r\n' >&3; cat <&3`)
	if !strings.Contains(got, `"issuer":"`+s.Issuer+`"`) {
		t.Errorf("the droplet sees %s", got)
	}
}

func TestTargetSendsMailAndSignsInInTheSandbox(t *testing.T) {
	s := up(t)
	text, err := os.ReadFile(s.Target())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"SITE_URL: https://stack.localhost\n", "SMTP_HOST: " + s.SMTP.Addr().String(), "OAUTH_ISSUER: " + s.Issuer, "OAUTH_CLIENT_ID: sandbox"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the target does not say %q:\n%s", want, text)
		}
	}
	s.HTTPSPort = 8443
	if got := s.env()["SITE_URL"]; got != "https://stack.localhost:8443" {
		t.Errorf("with a port of its own the site is at %s", got)
	}
}

func TestNothingOutsideIsPublished(t *testing.T) {
	up(t)
	b := remade(t)
	for _, part := range []string{"mail", "openid", "acme", "dns"} {
		seen, err := b.api.ContainerInspect(t.Context(), b.named(part), client.ContainerInspectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if len(seen.Container.HostConfig.PortBindings) != 0 || seen.Container.Config.User == "" {
			t.Errorf("%s publishes %v as user %q", part, seen.Container.HostConfig.PortBindings, seen.Container.Config.User)
		}
	}
}

func TestAPartMadeForSomethingElseIsMadeAnew(t *testing.T) {
	s, b := up(t), remade(t)
	before, err := b.api.ContainerInspect(t.Context(), b.named("openid"), client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.HTTPSPort = 8443 // the droplet was made again and got another port
	if err := b.ensureOutside(t.Context(), &s); err != nil {
		t.Fatal(err)
	}
	after, err := b.api.ContainerInspect(t.Context(), b.named("openid"), client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if before.Container.ID == after.Container.ID || !strings.Contains(strings.Join(after.Container.Config.Cmd, " "), "https://stack.localhost:8443/api/auth/google/callback") {
		t.Errorf("it runs with %v", after.Container.Config.Cmd)
	}
	if _, err := Up(t.Context(), options()); err != nil { // back as it was
		t.Fatal(err)
	}
}
