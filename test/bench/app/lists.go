package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"stackctl/pkg/server/app"
	"stackctl/pkg/server/apptest"
	"stackctl/pkg/server/testdb"
)

// staffAddress is who looks at the lists.
const staffAddress = "boss@example.com"

// rounds is how often each page is asked for.
const rounds = 5

// lists measures the staff pages with so many audit events, and a third as many
// users, sessions and identities: each list by every sort, every filter, days,
// a search, and pages behind the first.
func lists(rows int) error {
	s, err := prepare()
	if err != nil {
		return err
	}
	defer s.close()
	fmt.Printf("load average %s\n", loadAverage())
	if err := s.fill(rows); err != nil {
		return err
	}
	s.env = append(s.env, "STAFF_FACTOR=optional")
	create := exec.Command(s.dir+"/server", "create-staff", "--email", staffAddress)
	create.Env, create.Stdin = s.env, strings.NewReader(secret+"\n")
	if out, err := create.CombinedOutput(); err != nil {
		return fmt.Errorf("create-staff: %w\n%s", err, out)
	}
	admin, err := s.start("admin")
	if err != nil {
		return err
	}
	defer admin.stop()
	b, err := enter("http://" + admin.listen)
	if err != nil {
		return err
	}
	fmt.Println("| list | pages | median ms | slowest ms | which |\n|---|---|---|---|---|")
	for _, m := range app.Models() {
		if err := b.measure(m); err != nil {
			return err
		}
	}
	fmt.Printf("\nload average at the end %s\n", loadAverage())
	return nil
}

// fill adds users over three years, each with a session and an identity, and
// audit events of them.
func (s *site) fill(events int) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	c, err := pgx.Connect(ctx, fmt.Sprintf("postgres://app:%s@127.0.0.1:%d/postgres?sslmode=disable", testdb.Password, s.db.Port))
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(ctx) }()
	people := events / 3
	for _, query := range []string{
		`SET statement_timeout = 0`, `SET synchronous_commit = off`,
		fmt.Sprintf(`INSERT INTO users (email, display_name, created_at, email_verified_at, disabled_at)
			SELECT 'person' || n || '@example.net', 'Person ' || n, now() - n * interval '95 seconds',
				CASE WHEN n %% 3 > 0 THEN now() - n * interval '94 seconds' END, CASE WHEN n %% 400 = 0 THEN now() END
			FROM generate_series(1, %d) n`, people),
		`INSERT INTO sessions (user_id, token_hash, kind, created_at, seen_at, expires_at, ip)
			SELECT id, sha256(email::bytea), 'site', created_at, created_at, created_at + interval '3 years', '192.0.' || ascii(email) || '.' || ascii(reverse(email)) FROM users`,
		`INSERT INTO identities (user_id, issuer, subject, created_at, last_login_at) SELECT id, 'https://id.example.com', email, created_at, email_verified_at FROM users`,
		fmt.Sprintf(`INSERT INTO audit_events (at, actor_id, action, subject_kind, subject_id, result, ip, request_id)
			SELECT now() - (%[1]d - n) * interval '11 seconds', u.id, 'action' || n %% 37, CASE WHEN n %% 5000 = 0 THEN 'job' ELSE 'user' END, u.id::text,
				CASE WHEN n %% 200 = 0 THEN 'refused' ELSE 'ok' END, '198.51.100.' || n %% 250, 'R' || n
			FROM generate_series(1, %[1]d) n JOIN (SELECT id, row_number() OVER () AS r FROM users) u ON u.r = n %% %[2]d + 1`, events, people),
		`ANALYZE`, `CHECKPOINT`,
	} {
		if _, err := c.Exec(ctx, query); err != nil {
			return fmt.Errorf("%w: %s", err, query)
		}
	}
	var size string
	if err := c.QueryRow(ctx, `SELECT pg_size_pretty(pg_database_size(current_database()))`).Scan(&size); err != nil {
		return err
	}
	fmt.Printf("%d audit events, %d users, sessions and identities each: %s, filled in %.0f s\n\n", events, people, size, time.Since(began).Seconds())
	return nil
}

// browser is a member of staff at the pages.
type browser struct {
	base string
	http *http.Client
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// enter logs in.
func enter(base string) (*browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	b := &browser{base: base, http: &http.Client{Jar: apptest.PlainJar{CookieJar: jar}, Timeout: time.Minute}}
	page, _, err := b.get("/login")
	if err != nil {
		return nil, err
	}
	field := csrfField.FindStringSubmatch(page)
	if field == nil {
		return nil, errors.New("the page to log in has no token")
	}
	resp, err := b.http.PostForm(base+"/login", url.Values{"email": {staffAddress}, "password": {secret}, "csrf": {field[1]}})
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.Request.URL.Path == "/login" {
		return nil, fmt.Errorf("log in: status %d", resp.StatusCode)
	}
	return b, nil
}

// get returns a page and how long it took.
func (b *browser) get(path string) (page string, took time.Duration, err error) {
	began := time.Now()
	resp, err := b.http.Get(b.base + path)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: status %d", path, resp.StatusCode)
	}
	return string(text), time.Since(began), err
}

// measure prints one row: all pages of a list.
func (b *browser) measure(m app.Model) error {
	var all []time.Duration
	var slowest time.Duration
	var which string
	paths := b.pagesOf(m)
	for _, path := range paths {
		var each []time.Duration
		for range rounds {
			_, took, err := b.get(path)
			if err != nil {
				return err
			}
			each = append(each, took)
		}
		slices.Sort(each)
		median := each[rounds/2]
		all = append(all, median)
		if median > slowest {
			slowest, which = median, path
		}
	}
	slices.Sort(all)
	fmt.Printf("| %s | %d | %.1f | %.1f | `%s` |\n", m.Name, len(all), ms(at(all, 50)), ms(slowest), which)
	return nil
}

var nextLink = regexp.MustCompile(`href="([^"]+)" rel="next"`)

// pagesOf are the pages of a list: by each sort both ways with the two that
// follow, by each filter, of days, and a search.
func (b *browser) pagesOf(m app.Model) []string {
	at := "/" + m.Name
	var all []string
	for _, f := range m.Fields {
		if f.Sorts {
			all = append(all, at+"?sort="+f.Name, at+"?desc=1&sort="+f.Name)
		}
	}
	for _, path := range slices.Clone(all) {
		for range 2 {
			page, _, err := b.get(path)
			link := nextLink.FindStringSubmatch(page)
			if err != nil || link == nil {
				break
			}
			path = strings.ReplaceAll(link[1], "&amp;", "&")
			all = append(all, path)
		}
	}
	return append(all, b.narrowed(m)...)
}

func (b *browser) narrowed(m app.Model) (all []string) {
	values := map[string]string{"action": "action3", "subject_kind": "job", "actor_id": "person77@example.net", "user_id": "person77@example.net"}
	for _, f := range m.Fields {
		if !f.Filter {
			continue
		}
		options := f.Choices
		switch {
		case f.Type == app.FieldTime:
			options = []string{"set", "unset"}
		case values[f.Name] != "":
			options = []string{values[f.Name]}
		}
		for _, v := range options {
			all = append(all, "/"+m.Name+"?f."+f.Name+"="+url.QueryEscape(v))
		}
	}
	if m.Dated != "" {
		month := time.Now().AddDate(0, -2, 0).Format("2006-01")
		all = append(all, "/"+m.Name+"?from="+month+"-01&to="+month+"-03")
	}
	words := map[string][]string{"users": {"person7777", "example", "zz", "xu"}, "audit": {"R77777", "198.51.100.7"}, "sessions": {"192.0.2.7"}, "identities": {"person77@example.net"}}
	for _, word := range append(words[m.Name], "none-of-these") {
		all = append(all, "/"+m.Name+"?q="+word)
	}
	return all
}
