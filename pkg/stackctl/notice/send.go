package notice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"stackctl/pkg/stackctl/outbound"
	"stackctl/pkg/stackctl/stack"
)

// Sender sends notices.
type Sender struct {
	To []stack.NoticeSpec
	// Secrets are where URLs and passwords are.
	Secrets map[string]stack.SecretSource
	// Pause is what is waited before the second try, and thrice as long before
	// the third; 0 means 2 s.
	Pause time.Duration
}

// tries and sendLimit bound what is done to send one notice one way.
const (
	tries     = 3
	sendLimit = 45 * time.Second
)

// Send sends a notice every way, side by side. The error tells what could not be
// sent; it holds neither a URL nor a password.
func (s Sender) Send(ctx context.Context, n Notice) error {
	errs := make([]error, len(s.To))
	var all sync.WaitGroup
	for i, to := range s.To {
		all.Go(func() {
			if err := s.repeat(ctx, to, n); err != nil {
				errs[i] = fmt.Errorf("notice %s was not sent: %w", to.Name, err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func (s Sender) repeat(ctx context.Context, to stack.NoticeSpec, n Notice) error {
	ctx, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	pause := s.Pause
	if pause == 0 {
		pause = 2 * time.Second
	}
	var err error
	for try := 1; ; try++ {
		if err = s.one(ctx, to, n); err == nil {
			return nil
		}
		if try == tries || errors.As(err, new(outbound.Permanent)) {
			return s.hide(err, to)
		}
		select {
		case <-ctx.Done():
			return s.hide(err, to)
		case <-time.After(pause):
		}
		pause *= 3
	}
}

func (s Sender) one(ctx context.Context, to stack.NoticeSpec, n Notice) error {
	if to.Mail != "" {
		return sendMail(ctx, to, s.Secrets[to.PasswordSecret].Text(), n)
	}
	body, err := json.Marshal(n)
	if to.Format == "slack" {
		body, err = slack(n)
	}
	if err != nil {
		return outbound.Never(err)
	}
	at := to.Webhook
	if to.WebhookSecret != "" {
		at = s.Secrets[to.WebhookSecret].Text()
	}
	return post(ctx, at, body)
}

// hide takes the secrets of a way out of an error, whoever put them there.
func (s Sender) hide(err error, to stack.NoticeSpec) error {
	text := err.Error()
	for _, name := range []string{to.WebhookSecret, to.PasswordSecret} {
		if value := s.Secrets[name].Text(); value != "" {
			text = strings.ReplaceAll(text, value, "["+name+"]")
		}
	}
	return errors.New(text)
}
