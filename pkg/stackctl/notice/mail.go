package notice

import (
	"context"
	"net"
	"strconv"
	"time"

	"github.com/wneessen/go-mail"

	"stackctl/pkg/stackctl/outbound"
	"stackctl/pkg/stackctl/stack"
)

// mailLimit bounds one try.
const mailLimit = 10 * time.Second

// sendMail sends a notice by SMTP.
func sendMail(ctx context.Context, to stack.NoticeSpec, password string, n Notice) error {
	message := mail.NewMsg()
	if err := message.From(to.From); err != nil {
		return outbound.Never(err)
	}
	if err := message.To(to.To...); err != nil {
		return outbound.Never(err)
	}
	message.Subject(n.Title())
	message.SetMessageID()
	message.SetDate()
	message.SetBodyString(mail.TypeTextPlain, n.Text())
	host, portText, err := net.SplitHostPort(to.Mail)
	if err != nil {
		return outbound.Never(err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return outbound.Never(err)
	}
	options := []mail.Option{mail.WithPort(port), mail.WithTimeout(mailLimit)}
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
		return outbound.Never(err)
	}
	return client.DialAndSendWithContext(ctx, message)
}
