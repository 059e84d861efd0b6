// Command mail is the sandbox's mail server: it takes every mail over SMTP,
// keeps the newest ones in memory, and shows them as a page and as JSON. It
// delivers nothing and must not know who sends.
package main

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/emersion/go-smtp"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

func run(args []string, errs io.Writer) int {
	flags := flag.NewFlagSet("mail", flag.ContinueOnError)
	flags.SetOutput(errs)
	in := flags.String("smtp", ":1025", "`address` that takes mail")
	out := flags.String("http", ":8025", "`address` that shows it")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	b := &box{now: time.Now}
	taking, showing := mailServer(b), &http.Server{
		Addr: *out, Handler: pages(b), ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10,
	}
	taking.Addr = *in
	ended := make(chan error, 2)
	go func() { ended <- taking.ListenAndServe() }()
	go func() { ended <- showing.ListenAndServe() }()
	fmt.Fprintln(errs, "mail:", <-ended)
	return 1
}

// mailServer is the way in: RFC 5321, bounded, without a login.
func mailServer(b *box) *smtp.Server {
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{box: b}, nil }))
	s.Domain, s.MaxRecipients, s.MaxMessageBytes = "mail.sandbox", 20, maxLetter
	s.ReadTimeout, s.WriteTimeout = 30*time.Second, 30*time.Second
	s.EnableSMTPUTF8 = true
	return s
}

// session is one client's connection.
type session struct {
	box  *box
	from string
	to   []string
}

// Reset forgets the mail that was begun.
func (s *session) Reset() { s.from, s.to = "", nil }

// Logout ends the session.
func (s *session) Logout() error { return nil }

// Mail begins a mail.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

// Rcpt names one who gets it.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

// Data takes the mail itself.
func (s *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return s.box.keep(s.from, s.to, text)
}
