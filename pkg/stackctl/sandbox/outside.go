package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// Ports of the mail server and the OpenID provider. They are reached on the
// sandbox's own network and published nowhere.
const (
	smtpPort     = 1025
	mailPagePort = 8025
	openidPort   = 9000
)

// clientID is the site's name at the OpenID provider.
const clientID = "sandbox"

// definition labels a container with what it was made for.
const definition = "dev.stackctl.sandbox.definition"

// ensureOutside makes sure that what a site talks to beyond its own server is
// there: a mail server that shows every mail, and an OpenID provider.
func (b *builder) ensureOutside(ctx context.Context, s *State) error {
	mail, provider := at(s.Subnet, mailHost), at(s.Subnet, openidHost)
	s.SMTP = netip.AddrPortFrom(mail, smtpPort)
	s.Mail = fmt.Sprintf("http://%s", netip.AddrPortFrom(mail, mailPagePort))
	s.Issuer = fmt.Sprintf("http://%s", netip.AddrPortFrom(provider, openidPort))
	if err := b.ensurePart(ctx, *s, "mail", mailHost, []string{"/mail", "-smtp", fmt.Sprintf(":%d", smtpPort), "-http", fmt.Sprintf(":%d", mailPagePort)}); err != nil {
		return err
	}
	err := b.ensurePart(ctx, *s, "openid", openidHost, []string{"/openid", "-listen", fmt.Sprintf(":%d", openidPort), "-issuer", s.Issuer,
		"-client", clientID, "-redirect", s.URL() + "api/auth/google/callback"})
	if err != nil {
		return err
	}
	for part, url := range map[string]string{"mail": s.Mail + "/letters", "openid": s.Issuer + "/.well-known/openid-configuration"} {
		if err := b.awaitPage(ctx, part, url); err != nil {
			return err
		}
	}
	return nil
}

// ensurePart runs one program of the outside image, anew where what runs was
// made for something else.
func (b *builder) ensurePart(ctx context.Context, s State, part string, host byte, argv []string) error {
	name := b.named(part)
	image, err := b.image(ctx, "outside.tar")
	if err != nil {
		return err
	}
	text, err := json.Marshal([]any{image, argv})
	if err != nil {
		return fault("describe "+name, err, "")
	}
	sum := sha256.Sum256(text)
	want := hex.EncodeToString(sum[:8])
	seen, err := b.api.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	if err != nil && !errdefs.IsNotFound(err) {
		return fault("look for "+name, err, "")
	}
	if err == nil && seen.Container.State.Running && seen.Container.Config.Labels[definition] == want {
		return nil
	}
	b.say("start the local %s at %s", map[string]string{"mail": "mail server", "openid": "OpenID provider", "dns": "DNS server"}[part], at(s.Subnet, host))
	labels := b.labels()
	labels[definition] = want
	return b.fresh(ctx, s, name, host, "outside.tar", container.Config{Entrypoint: argv[:1], Cmd: argv[1:], Labels: labels})
}

// awaitPage waits until a part answers.
func (b *builder) awaitPage(ctx context.Context, part, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	c := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		_, err := get(ctx, c, url, 1<<20)
		if err == nil {
			return nil
		}
		if !pause(ctx) {
			return fault("wait for "+url, err, "look at `docker logs "+b.named(part)+"`")
		}
	}
}
