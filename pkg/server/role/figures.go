package role

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"stackctl/pkg/server/app"
)

// counter adds a counter to a registry.
func counter(reg *prometheus.Registry, name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	reg.MustRegister(c)
	return c
}

// countedMailer counts the mails that go through it.
type countedMailer struct {
	app.Mailer
	mails *prometheus.CounterVec
}

func newCountedMailer(m app.Mailer, reg *prometheus.Registry) countedMailer {
	c := countedMailer{Mailer: m, mails: counter(reg, "mails_total", "Mails that the mail server was to take, by result.", "result")}
	for _, result := range []string{"sent", "failed", "unconfigured"} {
		c.mails.WithLabelValues(result) // an alert compares with what is there
	}
	return c
}

// Send sends a mail and counts how that ended.
func (c countedMailer) Send(ctx context.Context, m app.Mail) error {
	err := c.Mailer.Send(ctx, m)
	result := "sent"
	switch {
	case errors.Is(err, app.ErrNoMail):
		result = "unconfigured"
	case err != nil:
		result = "failed"
	}
	c.mails.WithLabelValues(result).Inc()
	return err
}
