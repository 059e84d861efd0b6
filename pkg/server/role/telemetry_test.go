package role_test

import (
	"encoding/hex"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	traces "go.opentelemetry.io/proto/otlp/trace/v1"

	"stackctl/pkg/server/apptest"
)

// spanOf finds a span by a part of its name, in a trace.
func spanOf(spans []*traces.Span, trace, name string) *traces.Span {
	for _, s := range spans {
		if hex.EncodeToString(s.GetTraceId()) == trace && strings.Contains(s.GetName(), name) {
			return s
		}
	}
	return nil
}

const (
	edgeTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	edgeSpan  = "00f067aa0ba902b7"
)

// A request is one trace from the edge to its statements, the job that it leaves is
// linked to it, and nothing that was sent tells of a person.
func TestARequestIsATraceFromTheEdgeToItsQueries(t *testing.T) {
	s := apptest.New(t)
	receiver, box := s.Receiver(), s.Mailbox()
	headers := filepath.Join(t.TempDir(), "headers")
	if err := os.WriteFile(headers, []byte("Authorization: Bearer of-good-news\nX-Tenant: stack\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Env["OTEL_EXPORTER_OTLP_HEADERS_FILE"] = headers
	stop := s.Start("api", "worker")
	browser := s.Browser()
	browser.Header.Set("Traceparent", "00-"+edgeTrace+"-"+edgeSpan+"-01")
	browser.Header.Set("X-Forwarded-For", "203.0.113.77")
	browser.SignUp("ada@example.com", apptest.GoodPassword)
	if a := browser.LogIn("ada@example.com", "a guess that is wrong"); a.Status != http.StatusUnauthorized {
		t.Fatalf("a wrong password: %d", a.Status)
	}
	s.Await(box, "ada@example.com", "Confirm", 1)
	s.Settled("mail")
	s.Metrics("worker") // measures the queue once
	if code := stop(); code != 0 {
		t.Fatalf("code %d", code)
	}
	spans := receiver.Spans()
	request := spanOf(spans, edgeTrace, "POST /auth/signup")
	if request == nil || hex.EncodeToString(request.GetParentSpanId()) != edgeSpan {
		t.Fatalf("the request is no part of the edge's trace: %v", names(spans))
	}
	for _, name := range []string{"INSERT", "river.insert_many"} {
		if s := spanOf(spans, edgeTrace, name); s == nil {
			t.Errorf("no span %s: %v", name, names(spans))
		}
	}
	var job *traces.Span
	for _, s := range spans {
		if s.GetName() == "river.work/mail" {
			job = s
		}
		if len(s.GetParentSpanId()) == 0 && s.GetKind() != traces.Span_SPAN_KIND_SERVER && s.GetKind() != traces.Span_SPAN_KIND_CONSUMER {
			t.Errorf("%s is a trace of its own", s.GetName())
		}
		if strings.Contains(s.GetName(), "health") {
			t.Errorf("a health check is traced: %s", s.GetName())
		}
	}
	if job == nil || len(job.GetLinks()) != 1 || hex.EncodeToString(job.GetLinks()[0].GetTraceId()) != edgeTrace {
		t.Errorf("the job is not linked to the request: %v", job)
	}
	if trace := `"trace":"` + edgeTrace + `"`; !strings.Contains(s.Log.String(), trace) {
		t.Error("the log does not name the trace")
	}
	raw, sent := receiver.Raw()
	for _, personal := range []string{"ada@example", apptest.GoodPassword, "a guess that is wrong", "203.0.113.77", apptest.Secret} {
		if strings.Contains(raw, personal) {
			t.Errorf("%q was sent", personal)
		}
	}
	if sent.Get("Authorization") != "Bearer of-good-news" || sent.Get("X-Tenant") != "stack" {
		t.Errorf("headers %v", sent)
	}
	for _, name := range []string{"http_request_duration_seconds", "audit_events_total", "mails_total", "queue_jobs", "queue_wait_seconds", "password_hashes_total"} {
		if receiver.Metric(name) == nil {
			t.Errorf("%s was not sent", name)
		}
	}
}

func names(spans []*traces.Span) (out []string) {
	for _, s := range spans {
		out = append(out, hex.EncodeToString(s.GetTraceId())[:4]+" "+s.GetName())
	}
	return out
}

// Queue, mails and logins can be watched by figures.
func TestFiguresTellOfQueueMailsAndLogins(t *testing.T) {
	s := apptest.New(t)
	box := s.Mailbox()
	box.Refuse(true)
	s.Start("api", "worker")
	browser := s.Browser()
	browser.SignUp("ada@example.com", apptest.GoodPassword)
	browser.LogIn("ada@example.com", "a guess that is wrong")
	browser.LogIn("ada@example.com", apptest.GoodPassword)
	for _, want := range []string{`audit_events_total{action="login",result="refused"} 1`, `audit_events_total{action="login",result="ok"} 1`, `audit_events_total{action="signup",result="ok"} 1`} {
		if got := s.Metrics("api"); !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, grep(got, "audit_events"))
		}
	}
	s.Wait("a mail to be refused", func() bool { return strings.Contains(s.Metrics("worker"), `mails_total{result="failed"} 1`) })
	s.Wait("the queue to have it", func() bool {
		return strings.Contains(s.Metrics("worker"), `queue_jobs{queue="default",state="retryable"} 1`)
	})
	if got := s.Metrics("worker"); !strings.Contains(got, `queue_wait_seconds{queue="default"} 0`) || !strings.Contains(got, `queue_jobs{queue="release",state="discarded"} 0`) {
		t.Error(grep(got, "queue_"))
	}
	if _, err := s.DB.SQL.Exec(`INSERT INTO river_job (kind, args, max_attempts, queue, state, scheduled_at, priority) VALUES ('ping', '{}', 1, 'release_gone', 'available', now() - interval '10 minutes', 1)`); err != nil {
		t.Fatal(err)
	}
	if got := grep(s.Metrics("worker"), "queue_wait_seconds{"); !strings.Contains(got, `queue="release"} 6`) || strings.Contains(got, "release_gone") {
		t.Error(got)
	}
}

func grep(text, word string) (out string) {
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			out += line
		}
	}
	return out
}

// A receiver that takes a connection and says nothing holds up neither the site
// nor its end.
func TestAReceiverThatHangsHoldsNothingUp(t *testing.T) {
	s := apptest.New(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	s.Env["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://" + listener.Addr().String()
	stop := s.Start("api")
	s.Browser().SignUp("ada@example.com", apptest.GoodPassword)
	ended := make(chan int)
	go func() { ended <- stop() }()
	select {
	case code := <-ended:
		if code != 0 {
			t.Errorf("code %d", code)
		}
	case <-time.After(10 * time.Second): // two seconds are for the receiver
		t.Fatal("the role does not end")
	}
	if !strings.Contains(s.Log.String(), "could not be sent") {
		t.Error("the log does not tell of it")
	}
}
