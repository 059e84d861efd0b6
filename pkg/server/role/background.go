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
	"stackctl/pkg/server/mail"
	"stackctl/pkg/server/postgres"
	"stackctl/pkg/server/serve"
	"stackctl/pkg/server/settings"
)

func runWorker(ctx context.Context, c *call) error {
	s, log, err := c.load()
	if err != nil {
		return err
	}
	db, err := openDB(ctx, s, 6)
	if err != nil {
		return err
	}
	defer db.Close()
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("read the host's name: %w", err)
	}
	inserter, err := jobs.NewInserter()
	if err != nil {
		return err
	}
	store := postgres.NewStore(db, inserter)
	worker, err := jobs.NewWorker(jobs.Work{
		Pool: db.Pool, Log: log, Release: s.Release, Name: host, Parallel: 4, Sweeper: store,
		Post: &app.Post{Store: store, Mailer: mail.New(mailServer(s.Mail)), Site: s.Site, Domain: s.Domain},
	})
	if err != nil {
		return err
	}
	// The worker has its own end: a stop signal lets running jobs finish.
	if err := worker.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start the worker: %w", err)
	}
	log.Info("working", "queues", []string{app.DefaultQueue, app.ReleaseQueue(s.Release)})
	return inside(ctx, s, log, serve.Registry(), db.Ping, func(ctx context.Context) {
		if err := worker.Stop(ctx); err != nil {
			log.Warn("jobs were cut off; they are tried again", "error", err.Error())
		}
	})
}

func mailServer(m settings.Mail) mail.Server {
	return mail.Server{Host: m.Host, Port: int(m.Port), User: m.User, Password: m.Password, From: m.From, TLS: mail.TLS(m.TLS)}
}

// scheduleEvery is how often the scheduler looks for due jobs.
const scheduleEvery = time.Second

func runScheduler(ctx context.Context, c *call) error {
	s, log, err := c.load()
	if err != nil {
		return err
	}
	db, err := openDB(ctx, s, 2)
	if err != nil {
		return err
	}
	defer db.Close()
	inserter, err := jobs.NewInserter()
	if err != nil {
		return err
	}
	scheduler := jobs.NewScheduler(db.SQL, inserter, app.Periodics(), log, scheduleEvery)
	var running sync.WaitGroup
	running.Go(func() { scheduler.Run(ctx) })
	defer running.Wait()
	healthy := func(context.Context) error {
		if !scheduler.Healthy() {
			return errors.New("no round has ended well for a while")
		}
		return nil
	}
	return inside(ctx, s, log, serve.Registry(), healthy, nil)
}
