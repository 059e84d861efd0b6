// Package mail owns SMTP: how one mail reaches the mail server. It must not
// know why a mail is sent.
package mail

import (
	"context"
	"fmt"
	"time"

	gomail "github.com/wneessen/go-mail"

	"stackctl/pkg/server/app"
)

// TLS is how the connection to the mail server is protected.
type TLS string

// The ways: STARTTLS that must succeed, TLS from the first byte, or none, for
// a server on the same machine.
const (
	StartTLS TLS = "starttls"
	Implicit TLS = "tls"
	Plain    TLS = "none"
)

// Server is where the mail server is. An empty Host means that there is none.
type Server struct {
	Host     string
	Port     int
	User     string // empty: no login
	Password string
	From     string
	TLS      TLS
}

// Sender is app.Mailer over SMTP.
type Sender struct{ server Server }

// New makes a Sender.
func New(s Server) *Sender { return &Sender{server: s} }

// sendTime bounds one mail.
const sendTime = 20 * time.Second

// Send sends one mail over a connection of its own.
func (s *Sender) Send(ctx context.Context, m app.Mail) error {
	if s.server.Host == "" {
		return app.ErrNoMail
	}
	msg := gomail.NewMsg()
	if err := msg.From(s.server.From); err != nil {
		return fmt.Errorf("write a mail: SMTP_FROM: %w", err)
	}
	if err := msg.To(m.To); err != nil {
		return fmt.Errorf("write a mail: the address is not accepted: %w", err)
	}
	msg.Subject(m.Subject)
	msg.SetDate()
	msg.SetMessageID()
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader(gomail.HeaderContentLang, string(m.Language))
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	client, err := gomail.NewClient(s.server.Host, s.options()...)
	if err != nil {
		return fmt.Errorf("prepare the connection to mail server %s: %w", s.server.Host, err)
	}
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		return fmt.Errorf("send a mail through %s:%d: %w", s.server.Host, s.server.Port, err)
	}
	return nil
}

func (s *Sender) options() []gomail.Option {
	o := []gomail.Option{gomail.WithPort(s.server.Port), gomail.WithTimeout(10 * time.Second)}
	switch s.server.TLS {
	case Implicit:
		o = append(o, gomail.WithSSL())
	case Plain:
		o = append(o, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		o = append(o, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if s.server.User != "" {
		o = append(o, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(s.server.User), gomail.WithPassword(s.server.Password))
	}
	return o
}
