package notice

import (
	"context"
	"net"
	"strconv"

	"github.com/wneessen/go-mail"

	"stackctl/pkg/stackctl/stack"
)

// sendMail sends a notice by SMTP.
func sendMail(ctx context.Context, to stack.NoticeSpec, password string, n Notice) error {
	message := mail.NewMsg()
	if err := message.From(to.From); err != nil {
		return permanent{err}
	}
	if err := message.To(to.To...); err != nil {
		return permanent{err}
	}
	message.Subject(n.Title())
	message.SetMessageID()
	message.SetDate()
	message.SetBodyString(mail.TypeTextPlain, n.Text())
	host, portText, err := net.SplitHostPort(to.Mail)
	if err != nil {
		return permanent{err}
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return permanent{err}
	}
	options := []mail.Option{mail.WithPort(port), mail.WithTimeout(attemptLimit)}
	switch to.TLS {
	case "tls":
		options = append(options, mail.WithSSL())
	case "none":
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if to.User != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(to.User), mail.WithPassword(password))
	}
	client, err := mail.NewClient(host, options...)
	if err != nil {
		return permanent{err}
	}
	return client.DialAndSendWithContext(ctx, message)
}
