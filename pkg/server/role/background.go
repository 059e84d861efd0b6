package role

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"stackctl/pkg/server/app"
	"stackctl/pkg/server/jobs"
	"stackctl/pkg/server/letter"
	"stackctl/pkg/server/mail"
	"stackctl/pkg/server/settings"
)

func runWorker(ctx context.Context, p *parts) error {
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("read the host's name: %w", err)
	}
	store, err := p.store()
	if err != nil {
		return err
	}
	p.figures.MustRegister(jobs.NewDepth(p.db.SQL, p.log))
	worker, err := jobs.NewWorker(jobs.Work{
		Pool: p.db.Pool, Log: p.log, Release: p.settings.Release, Name: host, Parallel: 4, Sweeper: store, Traces: p.telemetry.Traces(),
		Post: &app.Post{
			Store: store, Writer: letter.Writer{Site: p.settings.Site, Domain: p.settings.Domain},
			Mailer: newCountedMailer(mail.New(mailServer(p.settings.Mail)), p.figures),
		},
	})
	if err != nil {
		return err
	}
	// The worker has its own end: a stop signal lets running jobs finish.
	if err := worker.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start the worker: %w", err)
	}
	p.log.Info("working", "queues", []string{app.DefaultQueue, app.ReleaseQueue(p.settings.Release)})
	return p.inside(ctx, p.db.Ping, func(ctx context.Context) {
		if err := worker.Stop(ctx); err != nil {
			p.log.Warn("jobs were cut off; they are tried again", "error", err.Error())
		}
	})
}

func mailServer(m settings.Mail) mail.Server {
	return mail.Server{Host: m.Host, Port: int(m.Port), User: m.User, Password: m.Password, From: m.From, TLS: mail.TLS(m.TLS)}
}

// scheduleEvery is how often the scheduler looks for due jobs.
const scheduleEvery = time.Second

func runScheduler(ctx context.Context, p *parts) error {
	inserter, err := jobs.NewInserter(p.telemetry.Traces())
	if err != nil {
		return err
	}
	scheduler := jobs.NewScheduler(p.db.SQL, inserter, app.Periodics(), p.log, scheduleEvery)
	var running sync.WaitGroup
	running.Go(func() { scheduler.Run(ctx) })
	defer running.Wait()
	healthy := func(context.Context) error {
		if !scheduler.Healthy() {
			return errors.New("no round has ended well for a while")
		}
		return nil
	}
	return p.inside(ctx, healthy, nil)
}
