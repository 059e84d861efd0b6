package role

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"stackctl/pkg/contract"
	"stackctl/pkg/server/app"
	"stackctl/pkg/server/jobs"
	"stackctl/pkg/server/postgres"
	"stackctl/pkg/server/settings"
)

func runSchemaCheck(ctx context.Context, c *call) error {
	var asJSON bool
	if err := c.flags(func(fs *flag.FlagSet) { fs.BoolVar(&asJSON, "json", false, "print the report as JSON") }); err != nil {
		return err
	}
	p, err := c.open(ctx, 2)
	if err != nil {
		return err
	}
	defer p.close()
	return c.schemaReport(ctx, p.db, asJSON)
}

func (c *call) schemaReport(ctx context.Context, db *postgres.DB, asJSON bool) error {
	report, err := postgres.CheckSchema(ctx, db)
	if err != nil {
		return err
	}
	c.failed = report.Status != postgres.SchemaOK
	if asJSON {
		return c.printJSON(report)
	}
	_, err = io.WriteString(c.out, report.Text())
	return err
}

func (c *call) printJSON(v any) error {
	enc := json.NewEncoder(c.out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func runCheck(_ context.Context, c *call) error {
	var asJSON bool
	if err := c.flags(func(fs *flag.FlagSet) { fs.BoolVar(&asJSON, "json", false, "print the findings as JSON") }); err != nil {
		return err
	}
	// The API's configuration holds every setting.
	s, err := settings.Load("api", c.env)
	if err != nil {
		return usageError{fmt.Errorf("configuration:\n%w", err)}
	}
	findings, asked := settings.Judge(s)
	c.failed = len(grave(findings, asked)) > 0
	if asJSON {
		status := "ok"
		if c.failed {
			status = "unfit"
		}
		return c.printJSON(map[string]any{"status": status, "rules": asked, "findings": append([]settings.Finding{}, findings...)})
	}
	fmt.Fprintf(c.out, "asked %d rules, %d findings\n", asked, len(findings))
	if len(findings) > 0 {
		fmt.Fprintln(c.out, findingsText(findings))
	}
	return nil
}

func runOpenAPI(_ context.Context, c *call) error {
	doc, err := contract.Load()
	if err != nil {
		return err
	}
	text, err := contract.JSON(doc)
	if err != nil {
		return err
	}
	_, err = c.out.Write(text)
	return err
}

func runVersion(_ context.Context, c *call) error {
	var asJSON bool
	if err := c.flags(func(fs *flag.FlagSet) { fs.BoolVar(&asJSON, "json", false, "print it as JSON") }); err != nil {
		return err
	}
	release, ok := c.env("RELEASE")
	if !ok || release == "" {
		release = "dev"
	}
	b := build(release)
	if asJSON {
		return c.printJSON(contract.Version{Commit: b.Commit, Built: b.Built, Release: b.Release})
	}
	_, err := fmt.Fprintf(c.out, "server release %s, commit %s, built %s\n", b.Release, b.Commit, b.Built)
	return err
}

func runPing(ctx context.Context, c *call) error {
	var asJSON bool
	var nonce, queue string
	var timeout time.Duration
	if err := c.flags(func(fs *flag.FlagSet) {
		fs.BoolVar(&asJSON, "json", false, "print the result as JSON")
		fs.StringVar(&nonce, "nonce", rand.Text(), "what the result must carry")
		fs.StringVar(&queue, "queue", "default", "default, or release for the workers of this release alone")
		fs.DurationVar(&timeout, "timeout", 10*time.Second, "how long to wait")
	}); err != nil {
		return err
	}
	if !slices.Contains([]string{"default", "release"}, queue) || nonce == "" || len(nonce) > 100 || timeout <= 0 {
		return usageError{errors.New("--queue is default or release, --nonce has 1 to 100 characters, --timeout is positive")}
	}
	p, err := c.open(ctx, 2)
	if err != nil {
		return err
	}
	defer p.close()
	if queue == "release" {
		queue = app.ReleaseQueue(p.settings.Release)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	pong, err := p.ping(ctx, queue, nonce)
	if err != nil {
		return err
	}
	if asJSON {
		return c.printJSON(pong)
	}
	_, err = fmt.Fprintf(c.out, "job %d on queue %s was run by worker %s of release %s in %s\n", pong.JobID, pong.Queue, pong.Worker, pong.Release,
		pong.Finished.Sub(pong.Enqueued).Round(time.Millisecond))
	return err
}

func (p *parts) ping(ctx context.Context, queue, nonce string) (jobs.Pong, error) {
	inserter, err := jobs.NewInserter(p.telemetry.Traces())
	if err != nil {
		return jobs.Pong{}, err
	}
	pong, err := jobs.Ping(ctx, p.db.SQL, inserter, queue, nonce)
	if err != nil {
		return pong, err
	}
	if pong.Scheduler, _, err = jobs.ReadSchedule(ctx, p.db.SQL, app.Periodics()); err != nil {
		return pong, err
	}
	// What the dashboard sees is part of the answer, not a condition of it.
	if pong.Dashboard, err = dashboardJobs(ctx, p.settings.JobsURL, pong.JobID); err != nil {
		pong.DashboardE = err.Error()
	}
	return pong, nil
}

// dashboardJobs asks the job dashboard how many jobs it has, and whether the
// given one is among them.
func dashboardJobs(ctx context.Context, base string, id int64) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	var one struct {
		ID json.Number `json:"id"`
	}
	if err := getJSON(ctx, fmt.Sprintf("%s/api/jobs/%d", base, id), &one); err != nil {
		return 0, err
	}
	if strings.Trim(one.ID.String(), `"`) != strconv.FormatInt(id, 10) {
		return 0, fmt.Errorf("the dashboard does not know job %d", id)
	}
	var counts map[string]any
	if err := getJSON(ctx, base+"/api/states", &counts); err != nil {
		return 0, err
	}
	total := 0
	for _, v := range counts {
		if n, ok := v.(float64); ok {
			total += int(n)
		}
	}
	return max(total, 1), nil
}

func getJSON(ctx context.Context, url string, into any) error {
	body, err := get(ctx, url)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("read %s: %w", url, err)
	}
	return nil
}

func get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", url, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask %s: status %d: %s", url, resp.StatusCode, strings.TrimSpace(string(body[:min(len(body), 500)])))
	}
	return body, nil
}

// runHealthcheck is what the container's health check runs: there is no shell
// and no curl in the image. It needs no secrets.
func runHealthcheck(ctx context.Context, c *call) error {
	if len(c.args) != 1 {
		return usageError{errors.New("name the role: healthcheck ROLE")}
	}
	address, path := "LISTEN", "/healthz"
	port, ok := settings.Port(c.args[0])
	switch c.args[0] {
	case "api":
		path = "/health/ready"
	case "worker", "scheduler":
		address, port, ok = "METRICS_LISTEN", 9090, true
	}
	if !ok {
		return usageError{fmt.Errorf("role %q serves nothing", c.args[0])}
	}
	at := fmt.Sprintf("127.0.0.1:%d", port)
	if listen, set := c.env(address); set && listen != "" {
		host, p, err := net.SplitHostPort(listen)
		if err != nil {
			return usageError{fmt.Errorf("%s: %w", address, err)}
		}
		if host == "" || host == "0.0.0.0" || host == "::" {
			host = "127.0.0.1"
		}
		at = net.JoinHostPort(host, p)
	}
	// As long as the definition of the check allows: a busy machine is not ill.
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := get(ctx, "http://"+at+path)
	return err
}

func runCreateStaff(ctx context.Context, c *call) error {
	var email, display string
	if err := c.flags(func(fs *flag.FlagSet) {
		fs.StringVar(&email, "email", "", "the address that logs in")
		fs.StringVar(&display, "name", "", "the name to show")
	}); err != nil {
		return err
	}
	if email == "" {
		return usageError{errors.New("--email is missing")}
	}
	secret, err := bufio.NewReader(io.LimitReader(c.in, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the password from standard input: %w", err)
	}
	p, err := c.open(ctx, 2)
	if err != nil {
		return err
	}
	defer p.close()
	users, err := p.accounts(newHasher())
	if err != nil {
		return err
	}
	user, err := users.AddStaff(ctx, app.SignUp{Email: email, Password: strings.TrimRight(secret, "\r\n"), DisplayName: display})
	var refused *app.Error
	if errors.As(err, &refused) && len(refused.Fields) > 0 {
		return usageError{fmt.Errorf("%s %s", refused.Fields[0].Name, refused.Fields[0].Message)}
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "%s may use the staff pages (user %s)\n", user.Email, user.ID)
	return err
}
