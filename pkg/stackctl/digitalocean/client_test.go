package digitalocean

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// answering is a client of a server that gives these answers in turn.
func answering(t *testing.T, answers ...func(http.ResponseWriter)) (*Client, *[]time.Duration, *int) {
	t.Helper()
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		answers[min(asked, len(answers))-1](w)
	}))
	t.Cleanup(s.Close)
	c, waited := New(s.URL, "dop_v1_secret"), []time.Duration{}
	c.pause = func(_ context.Context, d time.Duration) error { waited = append(waited, d); return nil }
	return c, &waited, &asked
}

func says(status int, body string, headers ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func TestRefusalsSayWhatToDoAndNeverTheToken(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter)
		cause  stack.Cause
		says   string
	}{
		"no such token":  {says(401, `{"message":"Unable to authenticate you"}`), stack.CauseUsage, "the token is not valid"},
		"no right":       {says(403, `{"message":"dop_v1_secret may not"}`), stack.CauseUsage, "give the token the scopes"},
		"nonsense":       {says(422, `{"message":"invalid region"}`), stack.CauseUsage, "422 invalid region; correct host_from"},
		"no JSON":        {says(422, `<html>`), stack.CauseUsage, "422 Unprocessable Entity"},
		"escapes":        {says(422, `{"message":"a\u001b[2Jb"}`), stack.CauseUsage, "correct host_from"},
		"a redirect":     {says(302, ``, "Location", "https://elsewhere.example"), stack.CauseUsage, "302 Found"},
		"limit for ever": {says(429, `{"message":"Too many requests"}`, "Retry-After", "3600"), stack.CauseUnreachable, "wait until the limit"},
	} {
		client, _, _ := answering(t, c.answer)
		_, err := client.Droplets(t.Context(), "x")
		if err == nil || stack.CauseOf(err) != c.cause || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "dop_v1_secret") || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheLimitOfCallsIsWaitedForAsLongAsItSays(t *testing.T) {
	c, waited, asked := answering(t, says(429, `{}`, "Retry-After", "7"), says(429, `{}`, "Retry-After", "5"), says(202, `{"droplet":{"id":5}}`))
	d, err := c.CreateDroplet(t.Context(), Order{Name: "x"})
	if err != nil || d.ID != 5 || *asked != 3 || len(*waited) != 2 || (*waited)[0] != 7*time.Second {
		t.Errorf("%v, %v, asked %d times, waited %v", d, err, *asked, *waited)
	}
}

func TestTheLimitOfCallsIsNotWaitedForWithoutEnd(t *testing.T) {
	c, waited, asked := answering(t, says(429, `{}`, "Retry-After", "70"))
	if _, err := c.Droplets(t.Context(), "x"); stack.CauseOf(err) != stack.CauseUnreachable || *asked != 2 || len(*waited) != 1 {
		t.Errorf("%v, asked %d times, waited %v", err, *asked, *waited)
	}
}

func TestOnlyWhatMakesNothingIsAskedAgainAfterAFault(t *testing.T) {
	c, _, asked := answering(t, says(503, ``), says(503, ``), says(200, `{"droplets":[{"id":1}]}`))
	if d, err := c.Droplets(t.Context(), "x"); err != nil || len(d) != 1 || *asked != 3 {
		t.Errorf("a list: %v, %v, asked %d times", d, err, *asked)
	}
	c, _, asked = answering(t, says(503, ``))
	if _, err := c.Droplets(t.Context(), "x"); stack.CauseOf(err) != stack.CauseUnreachable || *asked != tries {
		t.Errorf("a list without end: %v, asked %d times", err, *asked)
	}
	c, _, asked = answering(t, says(502, ``))
	if _, err := c.CreateDroplet(t.Context(), Order{Name: "x"}); stack.CauseOf(err) != stack.CauseUnreachable || *asked != 1 {
		t.Errorf("an order: %v, asked %d times", err, *asked)
	}
}

func TestWhatIsNotThereIsAskedForOnce(t *testing.T) {
	c, waited, asked := answering(t, says(404, `{"message":"not found"}`))
	if _, there, err := c.Droplet(t.Context(), 7); there || err != nil || *asked != 1 || len(*waited) != 0 {
		t.Errorf("%v, %v, asked %d times", there, err, *asked)
	}
	if err := c.DeleteDroplet(t.Context(), 7); err != nil {
		t.Errorf("its removal: %v", err)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	c, _, _ := answering(t, says(200, `{"droplets":["`+strings.Repeat("x", most)+`"]}`))
	if _, err := c.Droplets(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("a long answer: %v", err)
	}
	c, _, asked := answering(t, says(200, `{"droplets":[],"links":{"pages":{"next":"https://x/?page=2"}}}`))
	if _, err := c.Droplets(t.Context(), "x"); err == nil || *asked != mostPages {
		t.Errorf("a list without end: %v, asked %d times", err, *asked)
	}
}

func TestCtrlCEndsAWait(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c, _, _ := answering(t, says(429, `{}`, "Retry-After", "60"))
	c.pause = func(ctx context.Context, _ time.Duration) error { cancel(); return context.Cause(ctx) }
	if _, err := c.Droplets(ctx, "x"); stack.CauseOf(err) != stack.CauseInterrupted {
		t.Errorf("it ends with %v", err)
	}
}

func TestAServerThatIsAwayIsToldWithoutItsURL(t *testing.T) {
	c := New("http://127.0.0.1:1", "dop_v1_secret")
	c.pause = func(context.Context, time.Duration) error { return nil }
	_, err := c.Droplets(t.Context(), "x")
	if known := new(stack.Error); !errors.As(err, &known) || known.Cause != stack.CauseUnreachable || strings.Contains(err.Error(), "tag_name") {
		t.Errorf("it says %v", err)
	}
}
