package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Letter is one mail that the deployed site sent.
type Letter struct {
	ID      int       `json:"id"`
	At      time.Time `json:"at"`
	From    string    `json:"from"`
	To      []string  `json:"to"`
	Subject string    `json:"subject"`
	// Text is there where one letter was asked for.
	Text string `json:"text,omitempty"`
}

// maxLetters bounds an answer of the mail server.
const maxLetters = 8 << 20

// Letters lists the mails to an address, or all where it is empty, the newest
// first.
func (s State) Letters(ctx context.Context, to string) ([]Letter, error) {
	var list []Letter
	return list, s.askMail(ctx, "/letters?"+url.Values{"to": {to}}.Encode(), &list)
}

// Letter returns one mail with its text.
func (s State) Letter(ctx context.Context, id int) (Letter, error) {
	var one Letter
	return one, s.askMail(ctx, fmt.Sprintf("/letters/%d", id), &one)
}

func (s State) askMail(ctx context.Context, path string, into any) error {
	if s.Mail == "" {
		return fault("ask the sandbox's mail server", fmt.Errorf("this sandbox was started without one"), "run `stackctl sandbox up`")
	}
	c := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	text, err := get(ctx, c, s.Mail+path, maxLetters)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return fault("ask the sandbox's mail server at "+s.Mail+path, err, "see `stackctl sandbox mail` for what is there; run `stackctl sandbox up` where it does not answer")
	}
	return nil
}

// get fetches a page of at most limit bytes.
func get(ctx context.Context, c *http.Client, url string, limit int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, limit))
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %s: %.200s", res.Status, text)
	}
	return text, nil
}
