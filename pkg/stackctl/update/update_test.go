package update

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/outbound"
	"stackctl/pkg/stackctl/stack"
)

// serve is a server with a root of its own, and a client that believes it.
func serve(t *testing.T, answer http.HandlerFunc) (address string, client outbound.Client) {
	t.Helper()
	s := httptest.NewTLSServer(answer)
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s.URL + "/" + File, outbound.Client{Roots: roots}
}

func text(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, s) }
}

func TestAnIndexIsReadAsItIsWritten(t *testing.T) {
	date := time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)
	i, err := New("v1.10.0", date, "https://example.org/notes", []stack.FileSum{{Path: "a", Bytes: 1, SHA256: "00"}})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := i.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	address, client := serve(t, text(string(raw)))
	got, err := Check(context.Background(), client, address, "v1.9.0")
	want := Answer{Version: "v1.9.0", Newest: "v1.10.0", Standing: Older, Date: date, Notes: "https://example.org/notes", Index: address}
	if err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

func TestStandings(t *testing.T) {
	for version, want := range map[string]Standing{
		"v1.2.3": Older, "v1.9.9": Older, "v1.10.0-rc.1": Older, "v1.9.0-3-g68d6737": Older, "v1.10.0": Current, "v1.10.1": Current, "v2.0.0": Current,
		"v1.10.0-5-g68d6737": Current, "v1.10.0-5-g68d6737-dirty": Current, "v1.10.0-dirty": Current, "v1.10.0-rc.1-5-g68d6737": Older,
		"dev": Unknown, "68d6737": Unknown, "68d6737-dirty": Unknown, "": Unknown, "1.2.3": Unknown,
	} {
		if got := standing(version, "v1.10.0"); got != want {
			t.Errorf("%q: %s, want %s", version, got, want)
		}
	}
}

func TestWhatIsServedIsNotBelievedUnchecked(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		cause  stack.Cause
		says   string
	}{
		"a page":            {text("<html>"), stack.CauseStep, "not JSON"},
		"another format":    {text(`{"format": 2, "version": "v1.0.0"}`), stack.CauseStep, "format is 2"},
		"no version":        {text(`{"format": 1}`), stack.CauseStep, "such as v1.2.3"},
		"an odd version":    {text("{\"format\": 1, \"version\": \"v1.2.3\\u001b[31m\"}"), stack.CauseStep, "such as v1.2.3"},
		"notes of a script": {text(`{"format": 1, "version": "v1.2.3", "notes": "javascript:x"}`), stack.CauseStep, "no https URL"},
		"too much":          {text(strings.Repeat(" ", Most+1)), stack.CauseStep, "more than"},
		"nothing there":     {http.NotFound, stack.CauseUnreachable, "status 404"},
		"a way inside": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://169.254.169.254/latest", http.StatusFound)
		}, stack.CauseStep, "not public"},
		"a way back to itself": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://"+r.Host+"/again", http.StatusFound)
		}, stack.CauseStep, "not public"},
		"a way in clear": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://example.org/", http.StatusFound)
		}, stack.CauseStep, "https to http"},
	} {
		address, client := serve(t, c.answer)
		_, err := Check(context.Background(), client, address, "v1.0.0")
		if err == nil || stack.CauseOf(err) != c.cause || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v (%s)", name, err, stack.CauseOf(err))
		}
	}
}

func TestOnlyPlainHTTPSIsAsked(t *testing.T) {
	for _, address := range []string{"", "http://example.org/latest.json", "example.org", "https://", "https://me:secret@example.org/", "file:///etc/passwd", "::"} {
		_, err := Check(context.Background(), outbound.Client{}, address, "v1.0.0")
		if err == nil || stack.CauseOf(err) != stack.CauseUsage || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestAServerThatIsNotThereOrNotBelieved(t *testing.T) {
	address, client := serve(t, text("{}"))
	if _, err := Check(context.Background(), outbound.Client{}, address, "v1.0.0"); stack.CauseOf(err) != stack.CauseUnreachable || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a server of an unknown root: %v", err)
	}
	if _, err := Check(context.Background(), client, "https://127.0.0.1:1/"+File, "v1.0.0"); stack.CauseOf(err) != stack.CauseUnreachable || !strings.Contains(err.Error(), "try again") {
		t.Errorf("nobody there: %v", err)
	}
}

func TestAServerThatSaysNothingIsGivenUp(t *testing.T) {
	done := make(chan struct{})
	address, client := serve(t, func(http.ResponseWriter, *http.Request) { <-done })
	defer close(done)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if _, err := Check(ctx, client, address, "v1.0.0"); stack.CauseOf(err) != stack.CauseUnreachable {
		t.Errorf("%v", err)
	}
}
