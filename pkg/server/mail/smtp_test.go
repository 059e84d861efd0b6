package mail

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"

	"stackctl/pkg/server/app"
)

// sink is a mail server that keeps what it gets.
type sink struct {
	mu   sync.Mutex
	to   []string
	data [][]byte
}

func (s *sink) NewSession(*smtp.Conn) (smtp.Session, error) { return s, nil }
func (s *sink) Reset()                                      {}
func (s *sink) Logout() error                               { return nil }
func (s *sink) Mail(string, *smtp.MailOptions) error        { return nil }

func (s *sink) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to = append(s.to, to)
	return nil
}

func (s *sink) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data = append(s.data, data)
	return err
}

// started is a sink, and a Sender that sends to it.
func started(t *testing.T) (*sink, *Sender) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{}
	server := smtp.NewServer(s)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-ended
	})
	return s, New(Server{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, From: "Site <site@example.com>", TLS: Plain})
}

// A mail has its text and its HTML, in lines that every server takes (RFC 5322,
// 2.1.1), in ASCII (RFC 2045, 6.7), and reads as it was written.
func TestAMailHasTextAndHTMLInShortLines(t *testing.T) {
	s, sender := started(t)
	long := strings.Repeat("Straße über den Fluß = ", 200)
	m := app.Mail{To: "ada@example.com", Language: "de", Subject: "Bestätigen Sie Ihre Adresse für " + strings.Repeat("lange ", 40), Text: long + "\n.\nEnde\n", HTML: "<p>" + long + "</p>\n"}
	if err := sender.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	for line := range bytes.SplitSeq(s.data[0], []byte("\r\n")) {
		if len(line) > 78 {
			t.Errorf("a line has %d octets: %.100s…", len(line), line)
		}
		if i := bytes.IndexFunc(line, func(r rune) bool { return r > 0x7e || r == '\r' || r == '\n' }); i >= 0 {
			t.Errorf("a line has an octet that is no ASCII: %s", line)
		}
	}
	msg, err := netmail.ReadMessage(bytes.NewReader(s.data[0]))
	if err != nil {
		t.Fatal(err)
	}
	if subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject")); err != nil || subject != m.Subject {
		t.Errorf("the subject is %q (%v)", subject, err)
	}
	if got := msg.Header.Get("Content-Language"); got != "de" {
		t.Errorf("the language is %q", got)
	}
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("the mail is %s (%v)", kind, err)
	}
	parts := multipart.NewReader(msg.Body, params["boundary"])
	// The last alternative is the one that programs prefer (RFC 2046, 5.1.4).
	for _, want := range []struct{ kind, text string }{{"text/plain", m.Text}, {"text/html", m.HTML}} {
		part, err := parts.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		kind, params, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if err != nil || kind != want.kind || !strings.EqualFold(params["charset"], "utf-8") {
			t.Errorf("a part is %s %v (%v)", kind, params, err)
		}
		text, err := io.ReadAll(part)
		if got := strings.ReplaceAll(string(text), "\r\n", "\n"); err != nil || strings.TrimSpace(got) != strings.TrimSpace(want.text) {
			t.Errorf("%s reads otherwise (%v):\n%s", kind, err, got)
		}
	}
	if part, err := parts.NextPart(); err == nil {
		t.Errorf("there is one more part: %v", part.Header)
	}
}

// Neither an address nor a subject brings in a header or one more reader.
func TestLineBreaksMakeNoHeader(t *testing.T) {
	s, sender := started(t)
	for _, to := range []string{"ada@example.com\r\nBcc: eve@example.com", "ada@example.com, eve@example.com", "ada@example.com>\r\nRCPT TO:<eve@example.com"} {
		if err := sender.Send(t.Context(), app.Mail{To: to, Subject: "x", Text: "x", HTML: "x"}); err == nil {
			t.Errorf("a mail to %q is sent", to)
		}
	}
	if err := sender.Send(t.Context(), app.Mail{To: "ada@example.com", Subject: "x\r\nBcc: eve@example.com\r\n\r\n<b>", Text: "x", HTML: "x"}); err != nil {
		t.Fatal(err)
	}
	if len(s.to) != 1 || s.to[0] != "ada@example.com" || len(s.data) != 1 {
		t.Errorf("sent to %q, %d mails", s.to, len(s.data))
	}
	msg, err := netmail.ReadMessage(bytes.NewReader(s.data[0]))
	if err != nil || msg.Header.Get("Bcc") != "" {
		t.Errorf("the header is %v (%v)", msg.Header, err)
	}
}
