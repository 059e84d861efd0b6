package notice

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"stackctl/pkg/stackctl/stack"
)

var change = Notice{Version: "notice/v1", Project: "shop", Target: "prod", Verdict: stack.VerdictGateFailed, Before: stack.VerdictGood, Reason: "a < b & c",
	New: []Finding{{"acme/served", "shop.example", "is bad"}}, Gone: []string{}, Report: "https://ci.example/r"}

func send(to ...stack.NoticeSpec) error {
	return Sender{To: to, Pause: time.Millisecond}.Send(context.Background(), change)
}

// sink takes POSTs and answers as it is told to.
func sink(t *testing.T, answer http.HandlerFunc) (url string, got func() []string) {
	t.Helper()
	var lock sync.Mutex
	var bodies []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		lock.Lock()
		bodies = append(bodies, r.Method+" "+string(raw))
		lock.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, func() []string { lock.Lock(); defer lock.Unlock(); return bodies }
}

func ok(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

func TestAWebhookGetsTheChange(t *testing.T) {
	url, got := sink(t, ok)
	slackURL, slackGot := sink(t, ok)
	if err := send(stack.NoticeSpec{Name: "a", Webhook: url, Format: "json"}, stack.NoticeSpec{Name: "b", Webhook: slackURL, Format: "slack"}); err != nil {
		t.Fatal(err)
	}
	var n Notice
	if err := json.Unmarshal([]byte(strings.TrimPrefix(got()[0], "POST ")), &n); err != nil || n.Verdict != stack.VerdictGateFailed || n.New[0].Rule != "acme/served" {
		t.Errorf("%+v, %v", n, err)
	}
	var message map[string]string
	if err := json.Unmarshal([]byte(strings.TrimPrefix(slackGot()[0], "POST ")), &message); err != nil || !strings.Contains(message["text"], "a &lt; b &amp; c") || !strings.Contains(message["text"], "(was good)") {
		t.Errorf("%+v, %v", message, err)
	}
}

func TestAWebhookIsTriedAgain(t *testing.T) {
	var n atomic.Int32
	url, got := sink(t, func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1) < tries {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	if err := send(stack.NoticeSpec{Webhook: url}); err != nil || len(got()) != tries {
		t.Errorf("%d tries, %v", len(got()), err)
	}
	url, got = sink(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	if err := send(stack.NoticeSpec{Webhook: url}); err == nil || len(got()) != tries || !strings.Contains(err.Error(), "502") {
		t.Errorf("%d tries, %v", len(got()), err)
	}
	url, got = sink(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	if err := send(stack.NoticeSpec{Webhook: url}); err == nil || len(got()) != 1 {
		t.Errorf("what is forbidden was tried %d times, %v", len(got()), err)
	}
}

func TestARedirectToAPrivateAddressIsRefused(t *testing.T) {
	inside, reached := sink(t, ok)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(inside, "http://"))
	for _, to := range []string{inside, "http://localhost:" + port + "/", "http://[::ffff:127.0.0.1]:" + port + "/", "http://169.254.169.254/latest", "http://10.0.0.1/", "file:///etc/passwd"} {
		url, got := sink(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusTemporaryRedirect) })
		if err := send(stack.NoticeSpec{Webhook: url}); err == nil || !strings.Contains(err.Error(), "redirects to") || len(got()) != 1 {
			t.Errorf("%s: %v after %d tries", to, err, len(got()))
		}
	}
	if n := len(reached()); n > 0 {
		t.Errorf("what is inside was reached %d times", n)
	}
}

func TestNoErrorHoldsASecret(t *testing.T) {
	for _, value := range []string{"http://127.0.0.1:1/hook-secret-91", "http://hook-secret-91.invalid/", "::hook-secret-91"} {
		s := Sender{To: []stack.NoticeSpec{{Name: "ops", WebhookSecret: "hook"}}, Pause: time.Millisecond, Secrets: map[string]stack.SecretSource{"hook": {Value: []byte(value + "\n")}}}
		if err := s.Send(context.Background(), change); err == nil || strings.Contains(err.Error(), value) || !strings.Contains(err.Error(), "notice ops was not sent") {
			t.Errorf("%v", err)
		}
	}
}

// mailbox is an SMTP server that keeps what it gets.
type mailbox struct {
	lock  sync.Mutex
	mails []string
	// refuse is how many mails it turns away for now.
	refuse int
}

func (m *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return m, nil }
func (m *mailbox) Mail(string, *smtp.MailOptions) error        { return nil }
func (m *mailbox) Rcpt(string, *smtp.RcptOptions) error        { return nil }
func (m *mailbox) Reset()                                      {}
func (m *mailbox) Logout() error                               { return nil }
func (m *mailbox) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	m.lock.Lock()
	defer m.lock.Unlock()
	if m.refuse > 0 {
		m.refuse--
		return &smtp.SMTPError{Code: 451, Message: "later"}
	}
	m.mails = append(m.mails, string(raw))
	return err
}

func TestMailIsSent(t *testing.T) {
	box := &mailbox{refuse: 1}
	server := smtp.NewServer(box)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	to := stack.NoticeSpec{Name: "mail", Mail: listener.Addr().String(), From: "watch@shop.example", To: []string{"ops@shop.example"}, TLS: "none"}
	if err := send(to); err != nil {
		t.Fatal(err)
	}
	box.lock.Lock()
	defer box.lock.Unlock()
	if len(box.mails) != 1 || !strings.Contains(box.mails[0], "Subject: shop prod: gate-failed (was good)") || !strings.Contains(box.mails[0], "report: https://ci.example/r") {
		t.Errorf("%q", box.mails)
	}
	to.TLS = "starttls" // the server has none: nothing may go in clear
	if err := send(to); err == nil || len(box.mails) != 1 {
		t.Errorf("it was sent in clear: %v", err)
	}
}

func TestWhatHangsIsGivenUp(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	err = Sender{To: []stack.NoticeSpec{{Name: "ops", Webhook: "http://" + listener.Addr().String()}}}.Send(ctx, change)
	if err == nil {
		t.Error("a server that says nothing took it")
	}
}
