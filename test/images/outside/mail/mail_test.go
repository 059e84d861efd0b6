package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/smtp"
	"strings"
	"testing"
	"time"
)

// started is a server on a free port, and its pages.
func started(t *testing.T) (address string, site *httptest.Server) {
	t.Helper()
	b := &box{now: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := mailServer(b)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-ended
	})
	site = httptest.NewServer(pages(b))
	t.Cleanup(site.Close)
	return l.Addr().String(), site
}

func send(t *testing.T, address, to, head, body string) {
	t.Helper()
	text := strings.ReplaceAll(head+"\n\n"+body, "\n", "\r\n")
	if err := smtp.SendMail(address, nil, "site@example.org", []string{to}, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestAMailIsKeptAndShown(t *testing.T) {
	address, site := started(t)
	send(t, address, "ada@example.com", "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nContent-Transfer-Encoding: quoted-printable", "https://site.example/verify#token=3Dab=\nc <b>")
	send(t, address, "bob@example.com", "Subject: two\nContent-Transfer-Encoding: base64", "aGVsbG8=")
	_, text := get(t, site.URL+"/letters?to=ada@example.com")
	var list []letter
	if err := json.Unmarshal([]byte(text), &list); err != nil || len(list) != 1 || list[0].Subject != "Grüße" || list[0].Text != "" {
		t.Fatalf("the list is %s (%v)", text, err)
	}
	_, text = get(t, fmt.Sprintf("%s/letters/%d", site.URL, list[0].ID))
	var one letter
	if err := json.Unmarshal([]byte(text), &one); err != nil || !strings.Contains(one.Text, "https://site.example/verify#token=abc <b>") {
		t.Errorf("the letter is %s (%v)", text, err)
	}
	if _, text = get(t, site.URL+"/letters/2"); !strings.Contains(text, `"hello`) {
		t.Errorf("the second letter is %s", text)
	}
	if _, page := get(t, site.URL+"/1"); !strings.Contains(page, `<a href="https://site.example/verify#token=abc" rel="noreferrer">`) || strings.Contains(page, "<b>") {
		t.Errorf("the page is %s", page)
	}
	if _, page := get(t, site.URL+"/"); !strings.Contains(page, "Grüße") || !strings.Contains(page, "bob@example.com") {
		t.Errorf("the page is %s", page)
	}
}

// Of alternatives the plain text is shown; a message without one is refused.
func TestTheTextOfAMailWithAlternativesIsShown(t *testing.T) {
	address, site := started(t)
	head := "Subject: one\nContent-Type: multipart/alternative; boundary=b"
	send(t, address, "ada@example.com", head, "--b\nContent-Type: text/html\n\n<b>no</b>\n--b\nContent-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\nto=3Dken\n--b--\n")
	if _, text := get(t, site.URL+"/letters/1"); !strings.Contains(text, `"text":"to=ken"`) {
		t.Errorf("the letter is %s", text)
	}
	text := strings.ReplaceAll(head+"\n\n--b\nContent-Type: text/html\n\n<b>no</b>\n--b--\n", "\n", "\r\n")
	if err := smtp.SendMail(address, nil, "site@example.org", []string{"ada@example.com"}, []byte(text)); err == nil {
		t.Error("a message without a text is taken")
	}
}

func TestWhatIsNotThereIsSaid(t *testing.T) {
	_, site := started(t)
	if _, page := get(t, site.URL+"/"); !strings.Contains(page, "No mail has arrived yet.") {
		t.Errorf("the empty page is %s", page)
	}
	for _, path := range []string{"/7", "/letters/7", "/letters/x"} {
		if code, _ := get(t, site.URL+path); code != http.StatusNotFound {
			t.Errorf("%s answers %d", path, code)
		}
	}
}

func TestTheOldestMakesRoom(t *testing.T) {
	b := &box{now: time.Now}
	for i := range maxLetters + 1 {
		if err := b.keep("a@example.com", []string{"b@example.com"}, fmt.Appendf(nil, "Subject: %d\r\n\r\nx", i)); err != nil {
			t.Fatal(err)
		}
	}
	list := b.to("")
	if len(list) != maxLetters || list[0].Subject != fmt.Sprint(maxLetters) || list[len(list)-1].Subject != "1" {
		t.Errorf("%d are kept, from %s to %s", len(list), list[len(list)-1].Subject, list[0].Subject)
	}
}

func TestAMailThatIsTooLargeIsRefused(t *testing.T) {
	address, site := started(t)
	err := smtp.SendMail(address, nil, "a@example.com", []string{"b@example.com"}, []byte("Subject: x\r\n\r\n"+strings.Repeat(strings.Repeat("x", 70)+"\r\n", maxLetter/70)))
	if err == nil {
		t.Error("it is taken")
	}
	if _, text := get(t, site.URL+"/letters"); strings.TrimSpace(text) != "[]" {
		t.Errorf("it is kept: %.200s", text)
	}
}
