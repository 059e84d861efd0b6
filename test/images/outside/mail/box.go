package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"time"
)

// What the box keeps at most.
const (
	maxLetters = 500
	maxLetter  = 1 << 20
)

// letter is one mail that arrived.
type letter struct {
	ID      int       `json:"id"`
	At      time.Time `json:"at"`
	From    string    `json:"from"`
	To      []string  `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text,omitempty"`
}

// box keeps letters, the oldest first.
type box struct {
	now func() time.Time

	mu      sync.Mutex
	last    int
	letters []letter
}

// keep reads a message and keeps it; the oldest one makes room.
func (b *box) keep(from string, to []string, raw []byte) error {
	l := letter{From: from, To: slices.Clone(to)}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("read a message: %w", err)
	}
	subject := m.Header.Get("Subject")
	if l.Subject, err = new(mime.WordDecoder).DecodeHeader(subject); err != nil {
		l.Subject = subject
	}
	text, err := plain(textproto.MIMEHeader(m.Header), m.Body)
	if err != nil {
		return fmt.Errorf("read a message's text: %w", err)
	}
	l.Text = strings.ReplaceAll(string(text), "\r\n", "\n")
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last++
	l.ID, l.At = b.last, b.now().UTC()
	b.letters = append(b.letters, l)
	if over := len(b.letters) - maxLetters; over > 0 {
		b.letters = slices.Delete(b.letters, 0, over)
	}
	return nil
}

// plain returns the text of a message, or of the part that is plain text where it
// is made of alternatives.
func plain(header textproto.MIMEHeader, body io.Reader) ([]byte, error) {
	kind, params, _ := mime.ParseMediaType(header.Get("Content-Type"))
	if kind != "multipart/alternative" {
		return io.ReadAll(decoded(header.Get("Content-Transfer-Encoding"), body))
	}
	for parts := multipart.NewReader(body, params["boundary"]); ; {
		part, err := parts.NextRawPart()
		if err != nil {
			return nil, err
		}
		if kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type")); kind == "text/plain" {
			return io.ReadAll(decoded(part.Header.Get("Content-Transfer-Encoding"), part))
		}
	}
}

// decoded undoes the transfer encodings of RFC 2045.
func decoded(encoding string, body io.Reader) io.Reader {
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		return quotedprintable.NewReader(body)
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, body)
	}
	return body
}

// to returns the letters to an address, or all, the newest first and without
// their text.
func (b *box) to(address string) []letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	found := []letter{}
	for _, l := range slices.Backward(b.letters) {
		if address == "" || slices.Contains(l.To, address) {
			l.Text = ""
			found = append(found, l)
		}
	}
	return found
}

// one returns a letter with its text.
func (b *box) one(id int) (letter, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.letters, func(l letter) bool { return l.ID == id })
	if i < 0 {
		return letter{}, false
	}
	return b.letters[i], true
}
