package role

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"riverqueue.com/riverui"

	"stackctl/pkg/server/adminui"
	"stackctl/pkg/server/app"
	"stackctl/pkg/server/httpapi"
	"stackctl/pkg/server/oidc"
	"stackctl/pkg/server/password"
	"stackctl/pkg/server/postgres"
	"stackctl/pkg/server/redis"
	"stackctl/pkg/server/serve"
	"stackctl/pkg/server/settings"
	"stackctl/pkg/server/spa"
)

func always(context.Context) error { return nil }

// serveHTTP runs a role that serves one handler, with its metrics beside it.
func serveHTTP(ctx context.Context, s settings.Settings, log *slog.Logger, handler http.Handler, failed http.HandlerFunc, healthy func(context.Context) error, more ...prometheus.Collector) error {
	reg := serve.Registry()
	reg.MustRegister(more...)
	tracer := serve.NewTracer(log, reg, s.Proxies, failed)
	return serve.Run(ctx, log, []serve.Server{
		{Name: s.Role, Addr: s.Listen, Handler: tracer.Wrap(handler)},
		{Name: "inside", Addr: s.Metrics, Handler: serve.Inside(reg, healthy)},
	}, nil)
}

func runAPI(ctx context.Context, c *call) error {
	s, log, err := c.load()
	if err != nil {
		return err
	}
	db, err := openDB(ctx, s, 10)
	if err != nil {
		return err
	}
	defer db.Close()
	rdb := redis.Open(s.Redis.Addr, s.Redis.Password)
	defer func() { _ = rdb.Close() }()
	hasher := newHasher()
	handler, err := newAPI(s, log, db, rdb, hasher)
	if err != nil {
		return err
	}
	hashes := prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "password_hashes_total", Help: "Password hashes that were computed."},
		func() float64 { return float64(hasher.Done()) })
	return serveHTTP(ctx, s, log, handler, httpapi.Failed, db.Ping, hashes)
}

// newAPI wires the API.
func newAPI(s settings.Settings, log *slog.Logger, db *postgres.DB, rdb *redis.Client, hasher *password.Hasher) (http.Handler, error) {
	users, err := accounts(db, rdb, log, hasher)
	if err != nil {
		return nil, err
	}
	key, err := csrfKey(s)
	if err != nil {
		return nil, err
	}
	migrations, err := postgres.NewMigrations(db)
	if err != nil {
		return nil, err
	}
	var signIn httpapi.SignIn
	if o := s.OAuth; o.ClientID != "" {
		signIn = &app.SignIn{Accounts: users, Once: rdb.Once(), Provider: oidc.New(oidc.Settings{
			Issuer: o.Issuer, ClientID: o.ClientID, ClientSecret: o.ClientSecret, Callback: s.Site + "/api/auth/google/callback",
		})}
	}
	return httpapi.New(httpapi.Options{
		Accounts: users, SignIn: signIn, CSRF: key, Build: build(s.Release), Production: s.Production,
		Health: httpapi.Health{
			Database: db.Ping, Redis: rdb.Ping, Head: migrations.Head(),
			Schema: func(ctx context.Context) (int64, error) { return postgres.Stamp(ctx, db) },
		},
	})
}

func runWeb(ctx context.Context, c *call) error {
	s, log, err := c.load()
	if err != nil {
		return err
	}
	handler, err := spa.Handler(s.Release)
	if err != nil {
		return err
	}
	return serveHTTP(ctx, s, log, handler, adminui.Failed, always)
}

func runStatic(ctx context.Context, c *call) error {
	s, log, err := c.load()
	if err != nil {
		return err
	}
	handler, err := adminui.Assets(always)
	if err != nil {
		return err
	}
	return serveHTTP(ctx, s, log, handler, adminui.Failed, always)
}

func runAdmin(ctx context.Context, c *call) error {
	s, log, err := c.load()
	if err != nil {
		return err
	}
	db, err := openDB(ctx, s, 4)
	if err != nil {
		return err
	}
	defer db.Close()
	rdb := redis.Open(s.Redis.Addr, s.Redis.Password)
	defer func() { _ = rdb.Close() }()
	users, err := accounts(db, rdb, log, newHasher())
	if err != nil {
		return err
	}
	key, err := csrfKey(s)
	if err != nil {
		return err
	}
	handler, err := adminui.New(adminui.Options{
		Accounts: users, Records: postgres.NewRecords(db), Staff: &app.Staff{Store: users.Store}, CSRF: key,
		Models: app.Models(), Healthy: db.Ping,
	})
	if err != nil {
		return err
	}
	return serveHTTP(ctx, s, log, handler, adminui.Failed, db.Ping)
}

func runJobsUI(ctx context.Context, c *call) error {
	s, log, err := c.load()
	if err != nil {
		return err
	}
	db, err := openDB(ctx, s, 3)
	if err != nil {
		return err
	}
	defer db.Close()
	client, err := river.NewClient(riverpgxv5.New(db.Pool), &river.Config{Logger: log})
	if err != nil {
		return fmt.Errorf("prepare the queue: %w", err)
	}
	ui, err := riverui.NewHandler(&riverui.HandlerOpts{Endpoints: riverui.NewEndpoints(client, nil), Logger: slog.New(slog.DiscardHandler), JobListHideArgsByDefault: true})
	if err != nil {
		return fmt.Errorf("prepare the dashboard: %w", err)
	}
	if err := ui.Start(ctx); err != nil {
		return fmt.Errorf("start the dashboard: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", serve.Healthz(db.Ping))
	// Its API cancels and deletes jobs for whoever the edge lets in: another
	// site must not make a browser do that.
	mux.Handle("/", http.NewCrossOriginProtection().Handler(ui))
	return serveHTTP(ctx, s, log, mux, adminui.Failed, db.Ping)
}

// inside runs a role that serves nothing but its health and metrics.
func inside(ctx context.Context, s settings.Settings, log *slog.Logger, reg *prometheus.Registry, healthy func(context.Context) error, stop func(context.Context)) error {
	return serve.Run(ctx, log, []serve.Server{{Name: "inside", Addr: s.Metrics, Handler: serve.Inside(reg, healthy)}}, stop)
}
