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
	"stackctl/pkg/server/passkey"
	"stackctl/pkg/server/password"
	"stackctl/pkg/server/postgres"
	"stackctl/pkg/server/serve"
	"stackctl/pkg/server/spa"
)

func always(context.Context) error { return nil }

// serveHTTP runs a role that serves one handler, with its metrics beside it.
func (p *parts) serveHTTP(ctx context.Context, handler http.Handler, failed http.HandlerFunc, healthy func(context.Context) error) error {
	tracer := serve.NewTracer(p.log, p.figures, p.telemetry.Traces(), p.settings.Proxies, failed)
	return serve.Run(ctx, p.log, []serve.Server{
		{Name: p.settings.Role, Addr: p.settings.Listen, Handler: tracer.Wrap(handler)},
		{Name: "inside", Addr: p.settings.Metrics, Handler: serve.Inside(p.figures, healthy)},
	}, nil)
}

func runAPI(ctx context.Context, p *parts) error {
	hasher := newHasher()
	handler, err := p.api(hasher)
	if err != nil {
		return err
	}
	p.figures.MustRegister(
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "password_hashes_total", Help: "Password hashes that were computed."},
			func() float64 { return float64(hasher.Done()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "password_hash_kib_total", Help: "KiB that were filled for password hashes, over all passes."},
			func() float64 { return float64(hasher.Work()) }))
	return p.serveHTTP(ctx, serve.Bound(serve.MostInFlight, handler, httpapi.Busy), httpapi.Failed, p.db.Ping)
}

// api wires the API.
func (p *parts) api(hasher *password.Hasher) (http.Handler, error) {
	users, err := p.accounts(hasher)
	if err != nil {
		return nil, err
	}
	key, err := p.csrfKey()
	if err != nil {
		return nil, err
	}
	migrations, err := postgres.NewMigrations(p.db)
	if err != nil {
		return nil, err
	}
	var signIn httpapi.SignIn
	if o := p.settings.OAuth; o.ClientID != "" {
		signIn = &app.SignIn{Accounts: users, Once: p.rdb.Once(), Provider: oidc.New(oidc.Settings{
			Issuer: o.Issuer, ClientID: o.ClientID, ClientSecret: o.ClientSecret, Callback: p.settings.Site + "/api/auth/google/callback",
		})}
	}
	ceremonies, err := passkey.New(p.settings.Site, "")
	if err != nil {
		return nil, err
	}
	return httpapi.New(httpapi.Options{
		Accounts: users, Passkeys: &app.Passkeys{Accounts: users, Ceremonies: ceremonies, Once: p.rdb.Once()}, SignIn: signIn, CSRF: key, Build: build(p.settings.Release), Production: p.settings.Production,
		Health: httpapi.Health{
			Database: p.db.Ping, Redis: p.rdb.Ping, Head: migrations.Head(),
			Schema: func(ctx context.Context) (int64, error) { return postgres.Stamp(ctx, p.db) },
		},
	})
}

func runWeb(ctx context.Context, p *parts) error {
	handler, err := spa.Handler(spa.Options{Release: p.settings.Release, Site: p.settings.Site, SecurityContact: p.settings.SecurityContact})
	if err != nil {
		return err
	}
	return p.serveHTTP(ctx, serve.Bound(serve.MostInFlight, handler, serve.Busy), adminui.Failed, always)
}

func runStatic(ctx context.Context, p *parts) error {
	handler, err := adminui.Assets(always)
	if err != nil {
		return err
	}
	return p.serveHTTP(ctx, handler, adminui.Failed, always)
}

func runAdmin(ctx context.Context, p *parts) error {
	users, err := p.accounts(newHasher())
	if err != nil {
		return err
	}
	key, err := p.csrfKey()
	if err != nil {
		return err
	}
	ceremonies, err := passkey.New(p.settings.Site, "admin")
	if err != nil {
		return err
	}
	handler, err := adminui.New(adminui.Options{
		Accounts: users, Passkeys: &app.Passkeys{Accounts: users, Ceremonies: ceremonies, Once: p.rdb.Once()}, Records: postgres.NewRecords(p.db), Staff: &app.Staff{Store: users.Store}, CSRF: key,
		Models: app.Models(), FactorRequired: p.settings.StaffFactor, Healthy: p.db.Ping,
	})
	if err != nil {
		return err
	}
	return p.serveHTTP(ctx, handler, adminui.Failed, p.db.Ping)
}

func runJobsUI(ctx context.Context, p *parts) error {
	client, err := river.NewClient(riverpgxv5.New(p.db.Pool), &river.Config{Logger: p.log})
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
	mux.Handle("GET /healthz", serve.Healthz(p.db.Ping))
	// Its API cancels and deletes jobs for whoever the edge lets in: another
	// site must not make a browser do that, and each change is audited.
	mux.Handle("/", http.NewCrossOriginProtection().Handler(adminui.Dashboard(postgres.NewStore(p.db, nil), ui)))
	return p.serveHTTP(ctx, mux, adminui.Failed, p.db.Ping)
}

// inside runs a role that serves nothing but its health and metrics.
func (p *parts) inside(ctx context.Context, healthy func(context.Context) error, stop func(context.Context)) error {
	return serve.Run(ctx, p.log, []serve.Server{{Name: "inside", Addr: p.settings.Metrics, Handler: serve.Inside(p.figures, healthy)}}, stop)
}
