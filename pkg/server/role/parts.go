package role

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stackctl/pkg/server/app"
	"stackctl/pkg/server/csrf"
	"stackctl/pkg/server/httpapi"
	"stackctl/pkg/server/jobs"
	"stackctl/pkg/server/password"
	"stackctl/pkg/server/postgres"
	"stackctl/pkg/server/ratelimit"
	"stackctl/pkg/server/redis"
	"stackctl/pkg/server/serve"
	"stackctl/pkg/server/settings"
	"stackctl/pkg/server/telemetry"
)

// Set by the linker: -X stackctl/pkg/server/role.commit=… and .built=….
var (
	commit string
	built  string
)

// build returns what this binary is; where the linker was told nothing, by what
// the toolchain noted.
func build(release string) httpapi.Build {
	b := httpapi.Build{Commit: commit, Built: built, Release: release}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision" && b.Commit == "":
				b.Commit = s.Value
			case s.Key == "vcs.time" && b.Built == "":
				b.Built = s.Value
			}
		}
	}
	if b.Commit == "" {
		b.Commit = "unknown"
	}
	if b.Built == "" {
		b.Built = "unknown"
	}
	return b
}

// usageError is a mistake in the call or the configuration.
type usageError struct{ error }

func isUsage(err error) bool {
	var u usageError
	return errors.As(err, &u)
}

// flags parses the flags of a tool; it takes no other arguments.
func (c *call) flags(set func(*flag.FlagSet)) error {
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	fs.SetOutput(c.err)
	set(fs)
	if err := fs.Parse(c.args); err != nil {
		return usageError{err}
	}
	if fs.NArg() > 0 {
		return usageError{fmt.Errorf("%q is not understood", fs.Arg(0))}
	}
	return nil
}

// load reads the configuration; in production mode it must be fit for it.
func (c *call) load() (settings.Settings, *slog.Logger, error) {
	s, err := settings.Load(c.name, c.env)
	if err != nil {
		return s, nil, usageError{fmt.Errorf("configuration:\n%w", err)}
	}
	if s.Production {
		if findings := grave(settings.Judge(s)); len(findings) > 0 {
			return s, nil, usageError{fmt.Errorf("this configuration is not fit for production; refusing to start\n%s", findingsText(findings))}
		}
	}
	log := newLog(c.err, s)
	slog.SetDefault(log)
	limitMemory()
	return s, log, nil
}

// grave leaves the advice out.
func grave(findings []settings.Finding, _ int) []settings.Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f settings.Finding) bool { return f.Advice })
}

func findingsText(findings []settings.Finding) string {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "%s: %s; %s\n", f.Setting, f.Problem, f.Fix)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func newLog(w io.Writer, s settings.Settings) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(s.LogLevel)) // settings.Load has judged it
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})).With("role", s.Role, "release", s.Release)
}

// limitMemory keeps the collector below the container's limit where GOMEMLIMIT
// does not say another bound.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	text, err := os.ReadFile("/sys/fs/cgroup/memory.max")
	if err != nil {
		return
	}
	if limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && limit > 0 {
		debug.SetMemoryLimit(limit / 10 * 8)
	}
}

// parts are what a role works with.
type parts struct {
	*call
	settings settings.Settings
	log      *slog.Logger
	// figures are what the role measures, sent where telemetry says so.
	figures   *prometheus.Registry
	telemetry *telemetry.Telemetry
	// db and rdb are nil for a role that works without them.
	db  *postgres.DB
	rdb *redis.Client
}

// open reads the configuration and opens the stores that it names, the
// database with at most size connections. Nothing is connected to yet.
func (c *call) open(ctx context.Context, size int) (*parts, error) {
	s, log, err := c.load()
	if err != nil {
		return nil, err
	}
	p := &parts{call: c, settings: s, log: log, figures: serve.Registry()}
	p.telemetry, err = telemetry.Open(ctx, telemetry.Settings{
		Endpoint: s.Telemetry.Endpoint, Headers: s.Telemetry.Headers, Share: s.Telemetry.Share, Role: s.Role, Release: s.Release,
	}, p.figures, log)
	if err != nil {
		return nil, err
	}
	traces := p.telemetry.Traces()
	if settings.Stored(s.Role) {
		if p.db, err = postgres.Open(ctx, postgres.Address(s.Database), postgres.Pool{Role: s.Role, Size: size, Traces: traces}); err != nil {
			return nil, err
		}
	}
	if settings.Keyed(s.Role) {
		p.rdb = redis.Open(redis.Address(s.Redis), traces)
	}
	return p, nil
}

// lastWords is how long a role that ends may take to send what it traced and measured.
const lastWords = 2 * time.Second

func (p *parts) close() {
	ctx, cancel := context.WithTimeout(context.Background(), lastWords)
	defer cancel()
	if err := p.telemetry.Close(ctx); err != nil {
		p.log.Warn("the last traces and figures could not be sent", "error", err.Error())
	}
	if p.rdb != nil {
		_ = p.rdb.Close()
	}
	if p.db != nil {
		p.db.Close()
	}
}

// with runs something with its parts, and closes them.
func with(size int, run func(context.Context, *parts) error) func(context.Context, *call) error {
	return func(ctx context.Context, c *call) error {
		p, err := c.open(ctx, size)
		if err != nil {
			return err
		}
		defer p.close()
		return run(ctx, p)
	}
}

// maxHashes bounds the hashes that run at once: each takes 19 MiB.
const maxHashes = 4

func newHasher() *password.Hasher {
	return password.New(password.Default, min(runtime.GOMAXPROCS(0), maxHashes), 1000, 20*time.Second)
}

// store wires the domain's store: what it audits is counted.
func (p *parts) store() (*postgres.Store, error) {
	inserter, err := jobs.NewInserter(p.telemetry.Traces())
	if err != nil {
		return nil, err
	}
	audited := counter(p.figures, "audit_events_total", "Events that were audited, by action and result; a login that was refused is login, refused.", "action", "result")
	store := postgres.NewStore(p.db, inserter)
	store.Audited = func(e app.AuditEvent) { audited.WithLabelValues(e.Action, string(e.Result)).Inc() }
	return store, nil
}

// accounts wires the domain's service to its adapters.
func (p *parts) accounts(hasher *password.Hasher) (*app.Accounts, error) {
	store, err := p.store()
	if err != nil {
		return nil, err
	}
	devices, err := app.NewDeviceKey(p.settings.Secret)
	if err != nil {
		return nil, fmt.Errorf("derive the key of device cookies: %w", err)
	}
	factors, err := app.NewFactorKey(p.settings.Secret)
	if err != nil {
		return nil, fmt.Errorf("derive the key of second factors: %w", err)
	}
	return &app.Accounts{Store: store, Hasher: hasher, Limiter: ratelimit.New(p.rdb, p.log), Devices: devices, Factors: factors, Domain: p.settings.Domain, ConfirmFirst: p.settings.ConfirmFirst}, nil
}

func (p *parts) csrfKey() (csrf.Key, error) {
	key, err := csrf.NewKey(p.settings.Secret)
	if err != nil {
		return key, fmt.Errorf("derive the CSRF key: %w", err)
	}
	return key, nil
}
