package config

import (
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"slices"

	"stackctl/pkg/stackctl/stack"
)

func resolveNotices(c *stack.Config) {
	for i := range c.Notices {
		n := &c.Notices[i]
		switch {
		case n.Mail != "":
			setDefault(&n.TLS, "starttls")
			setDefault(&n.Name, "mail")
		default:
			setDefault(&n.Format, "json")
			setDefault(&n.Name, "webhook")
		}
	}
}

// checkNotices refuses notices that could never be sent.
func checkNotices(c stack.Config, d document) error {
	for i, n := range c.Notices {
		problem, fix := checkNotice(c, n)
		if slices.ContainsFunc(c.Notices[:i], func(o stack.NoticeSpec) bool { return o.Name == n.Name }) {
			problem, fix = fmt.Sprintf("two are called %s", n.Name), "give each a name"
		}
		if problem != "" {
			return stack.Usage(d.name, n.Line, "notices: "+problem, fix)
		}
	}
	return nil
}

func checkNotice(c stack.Config, n stack.NoticeSpec) (problem, fix string) {
	ways := 0
	for _, way := range []string{n.Webhook, n.WebhookSecret, n.Mail} {
		if way != "" {
			ways++
		}
	}
	for _, name := range []string{n.WebhookSecret, n.PasswordSecret} {
		if _, has := c.Secrets[name]; name != "" && !has {
			return fmt.Sprintf("there is no secret %q", name), "name one that stackctl.yaml has under secrets"
		}
	}
	if ways != 1 {
		return "it needs one of webhook, webhook_secret and mail", "name where it goes"
	}
	if n.Mail != "" {
		return checkMail(n)
	}
	if n.Webhook != "" && !isWeb(n.Webhook) {
		return "webhook is no http or https URL", "write it as https://…; one that is itself a secret belongs under webhook_secret"
	}
	if n.Format != "json" && n.Format != "slack" {
		return fmt.Sprintf("format %q", n.Format), "write json or slack"
	}
	return "", ""
}

func checkMail(n stack.NoticeSpec) (problem, fix string) {
	if _, _, err := net.SplitHostPort(n.Mail); err != nil {
		return fmt.Sprintf("mail %q is no host:port", n.Mail), "write it as smtp.example.org:587"
	}
	for _, address := range append([]string{n.From}, n.To...) {
		if _, err := mail.ParseAddress(address); err != nil {
			return fmt.Sprintf("%q is no mail address", address), "give from, and to as a list"
		}
	}
	switch {
	case len(n.To) == 0:
		return "it goes to nobody", "give to as a list"
	case !slices.Contains([]string{"starttls", "tls", "none"}, n.TLS):
		return fmt.Sprintf("tls %q", n.TLS), "write starttls, tls or none"
	case n.TLS == "none" && n.User != "":
		return "a password would go in clear", "write tls: starttls, or take user away"
	case (n.User == "") != (n.PasswordSecret == ""):
		return "user and password_secret belong together", "give both or none"
	}
	return "", ""
}

func isWeb(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}
