package postgres

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"stackctl/pkg/server/app"
)

func model(t *testing.T, name string) app.Model {
	t.Helper()
	for _, m := range app.Models() {
		if m.Name == name {
			return m
		}
	}
	t.Fatalf("there is no model %s", name)
	return app.Model{}
}

// fill adds users with times that are alike and absent, sessions, and audit events.
func fill(t *testing.T, pool *pgxpool.Pool, events int) {
	t.Helper()
	for _, query := range []string{
		`INSERT INTO users (email, created_at, email_verified_at, disabled_at, is_staff)
			SELECT 'user' || n || '@example.com', '2026-01-01'::timestamptz + (n / 7) * interval '1 second',
				CASE WHEN n % 3 = 0 THEN '2026-02-01'::timestamptz + (n / 5) * interval '1 ms' END,
				CASE WHEN n % 400 = 0 THEN '2026-03-01'::timestamptz END, n % 900 = 0 FROM generate_series(1, 3000) n`,
		`INSERT INTO sessions (user_id, token_hash, kind, seen_at, expires_at)
			SELECT id, sha256(email::bytea), CASE WHEN is_staff THEN 'staff' ELSE 'site' END, created_at, created_at FROM users`,
		`INSERT INTO identities (user_id, issuer, subject, created_at, last_login_at) SELECT id, 'i', email, created_at, email_verified_at FROM users`,
		fmt.Sprintf(`INSERT INTO audit_events (actor_id, action, subject_kind, subject_id, result, ip, request_id)
			SELECT u.id, 'action' || n %% 37, CASE WHEN n %% 5000 = 0 THEN 'job' ELSE 'user' END, u.id::text, CASE WHEN n %% 200 = 0 THEN 'refused' ELSE 'ok' END, '192.0.2.' || n %% 250, 'R' || n
			FROM generate_series(1, %d) n JOIN (SELECT id, row_number() OVER () AS r FROM users) u ON u.r = n %% 3000 + 1`, events),
		`INSERT INTO river_job (kind, max_attempts, args, created_at, state, finalized_at)
			SELECT 'mail', 3, '{}', '2026-01-01'::timestamptz + n * interval '1 minute', 'completed', now() FROM generate_series(1, 3000) n`,
		`ANALYZE users, sessions, identities, audit_events, river_job`,
	} {
		if _, err := pool.Exec(t.Context(), `SET statement_timeout = 0; `+query); err != nil {
			t.Fatalf("%v: %s", err, query)
		}
	}
}

// TestPagesMissAndRepeatNothing walks lists page by page, forth and back, and
// compares with the whole.
func TestPagesMissAndRepeatNothing(t *testing.T) {
	db := migratedDB(t)
	fill(t, db.Pool, 1000)
	records := NewRecords(db)
	m := model(t, "users")
	for _, sort := range []string{"created_at", "email", "email_verified_at", "disabled_at"} {
		for _, desc := range []bool{false, true} {
			q := app.RecordQuery{Sort: sort, Desc: desc, Search: "user1"}
			var all, walked []string
			n, err := records.Each(t.Context(), m, q, func(r app.Record) error {
				all = append(all, r["id"])
				return nil
			})
			if err != nil || n != 1111 || len(all) != n {
				t.Fatalf("by %s: %d records, %d seen: %v", sort, n, len(all), err)
			}
			if !slices.Equal(all, ordered(t, db.Pool, sort, desc)) {
				t.Errorf("by %s, down %t: the order is not that of the values, an absent one as the least", sort, desc)
			}
			var back string
			for {
				page, err := records.List(t.Context(), m, q)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range page.Records {
					walked = append(walked, r["id"])
				}
				if page.After == "" {
					back = page.Before
					break
				}
				q.After = page.After
			}
			if !slices.Equal(walked, all) {
				t.Errorf("by %s, down %t: the pages have %d records, in another order or not all of %d", sort, desc, len(walked), n)
			}
			before := len(all) - len(all)%app.PageSize
			for q.After = ""; back != ""; before -= app.PageSize {
				q.Before = back
				page, err := records.List(t.Context(), m, q)
				if err != nil || len(page.Records) != app.PageSize || page.Records[0]["id"] != all[before-app.PageSize] {
					t.Fatalf("by %s, down %t, back from %d: %d records: %v", sort, desc, before, len(page.Records), err)
				}
				back = page.Before
			}
			if before != 0 {
				t.Errorf("by %s, down %t: the way back ended %d records before the first", sort, desc, before)
			}
		}
	}
}

func ordered(t *testing.T, pool *pgxpool.Pool, sort string, desc bool) []string {
	t.Helper()
	direction := map[bool]string{true: "DESC NULLS LAST, id DESC", false: "ASC NULLS FIRST, id ASC"}[desc]
	rows, err := pool.Query(t.Context(), `SELECT id::text FROM users WHERE email LIKE 'user1%' ORDER BY `+sort+" "+direction)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// TestNoListReadsAWholeTable asks PostgreSQL for the plan of each list that the
// staff pages offer, by every sort and every filter: none reads the whole table
// or sorts it. Searches for a part of a word are left out: they must read.
func TestNoListReadsAWholeTable(t *testing.T) {
	db := migratedDB(t)
	fill(t, db.Pool, 20000)
	var user string
	if err := db.Pool.QueryRow(t.Context(), `SELECT id::text FROM users LIMIT 1`).Scan(&user); err != nil {
		t.Fatal(err)
	}
	values := map[string][]string{
		"role": {"viewer", "support", "admin"}, "user_id": {user}, "actor_id": {user}, "subject_id": {user}, "kind": {"site", "staff"},
		"action": {"action3", "none"}, "subject_kind": {"user", "job", "none"}, "result": {"ok", "refused"},
	}
	for _, name := range []string{"users", "identities", "sessions", "audit"} {
		m := model(t, name)
		for _, sort := range m.Fields {
			if !sort.Sorts {
				continue
			}
			for _, desc := range []bool{false, true} {
				fits(t, db, m, app.RecordQuery{Sort: sort.Name, Desc: desc})
			}
		}
		for _, f := range m.Fields {
			options := values[f.Name]
			if f.Type == app.FieldTime {
				options = []string{"set", "unset"}
			}
			for _, v := range options {
				if f.Filter {
					fits(t, db, m, app.RecordQuery{Sort: m.Sort, Desc: m.Desc, Filters: map[string]string{f.Name: v}})
				}
			}
		}
		for _, word := range []string{user, "none-of-all", "192.0.2.9"} {
			if name == "users" {
				break // few enough here to be read
			}
			fits(t, db, m, app.RecordQuery{Sort: m.Sort, Desc: m.Desc, Search: word})
		}
	}
}

// TestDaysAreFoundByAnIndex asks for the plans of lists that are narrowed to days.
func TestDaysAreFoundByAnIndex(t *testing.T) {
	db := migratedDB(t)
	fill(t, db.Pool, 5000)
	for _, m := range app.Models() {
		for _, days := range [][2]string{{"2026-01-01", ""}, {"", "2025-12-31"}, {"2026-01-01", "2026-01-02"}, {"2020-01-01", "2020-02-01"}} {
			q := app.RecordQuery{Sort: m.Sort, Desc: m.Desc, From: days[0], To: days[1]}
			plan := fits(t, db, m, q)
			if m.Dated == "" || !regexp.MustCompile(`Index Cond: .*\b`+m.Dated+` [<>]`).MatchString(plan) {
				t.Errorf("%s from %q to %q:\n%s", m.Name, days[0], days[1], plan)
			}
		}
	}
}

// TestDaysBoundLists looks for records at the very ends of days, in UTC.
func TestDaysBoundLists(t *testing.T) {
	db := migratedDB(t)
	if _, err := db.Pool.Exec(t.Context(), `INSERT INTO users (email, created_at) VALUES ('a@x.org', '2026-02-28 23:59:59.999999Z'),
		('b@x.org', '2026-03-01 00:00:00Z'), ('c@x.org', '2026-03-01 23:59:59.999999Z'), ('d@x.org', '2026-03-02 00:00:00Z')`); err != nil {
		t.Fatal(err)
	}
	for days, want := range map[[2]string]string{
		{"2026-03-01", "2026-03-01"}: "cb", {"2026-03-01", ""}: "dcb", {"", "2026-03-01"}: "cba", {"", "2026-02-27"}: "", {"2026-03-03", ""}: "", {"2026-03-02", "2026-03-01"}: "dcba", {"x", ""}: "dcba",
	} {
		page, err := NewRecords(db).List(t.Context(), model(t, "users"), app.RecordQuery{From: days[0], To: days[1]})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, r := range page.Records {
			got += r["email"][:1]
		}
		if got != want || page.Total != len(want) {
			t.Errorf("%v: %q of %d, want %q", days, got, page.Total, want)
		}
	}
}

// TestASearchReadsNotMuchMoreThanItFinds counts the rows that PostgreSQL looks at and
// throws away for a page and its count: where it expects many matches and there are few, it
// would walk the whole table in the order of the list.
func TestASearchReadsNotMuchMoreThanItFinds(t *testing.T) {
	db := migratedDB(t)
	fill(t, db.Pool, 0)
	// Of addresses it knows no more than that there are 30, as of thousands in a large table.
	if _, err := db.Pool.Exec(t.Context(), `INSERT INTO users (email, display_name) SELECT 'more' || n || '@example.net', 'Name ' || n FROM generate_series(1, 30000) n;
		INSERT INTO audit_events (action, result, ip, request_id) SELECT 'more', 'ok', '198.51.100.' || n % 30, 'M' || n FROM generate_series(1, 30000) n;
		ALTER TABLE audit_events ALTER ip SET STATISTICS 1; ANALYZE users, audit_events`); err != nil {
		t.Fatal(err)
	}
	for _, one := range [][2]string{{"audit", "M7"}, {"audit", "none-of-all"}, {"users", "user1234@"}, {"users", "none-of-all"}, {"users", "zz"},
		{"identities", "user1234@example.com"}, {"sessions", "192.0.2.250"}, {"jobs", "17"}} {
		m := model(t, one[0])
		q := app.RecordQuery{Search: one[1]}.Clean(m)
		where, args := matching(m, q)
		page, listArgs := listQuery(m, q, false, true, app.PageSize+1)
		for query, args := range map[string][]any{page: listArgs, countQuery("FROM " + name(m.Table) + where): args} {
			plan := explained(t, db, "EXPLAIN (ANALYZE) "+query, args)
			thrown := 0
			for _, n := range regexp.MustCompile(`Rows Removed by [A-Za-z ]+: (\d+)`).FindAllStringSubmatch(plan, -1) {
				rows, _ := strconv.Atoi(n[1])
				thrown += rows
			}
			if thrown > 500 {
				t.Errorf("%s, search %q: %d rows for nothing\n%s", m.Name, q.Search, thrown, plan)
			}
		}
	}
}

// TestASearchLooksWhereItSays searches users by parts of names and addresses, short
// words where one begins, and the rest by whole values.
func TestASearchLooksWhereItSays(t *testing.T) {
	db := migratedDB(t)
	if _, err := db.Pool.Exec(t.Context(), `INSERT INTO users (email, display_name) VALUES ('a1@x.org', 'Wei Xu'), ('b1@x.org', 'Luxury 50%'), ('xu@y.org', 'Ann_B'), ('d1@y.org', 'Jürgen Groß')`); err != nil {
		t.Fatal(err)
	}
	var id string
	if err := db.Pool.QueryRow(t.Context(), `SELECT id::text FROM users WHERE email = 'd1@y.org'`).Scan(&id); err != nil {
		t.Fatal(err)
	}
	for words, want := range map[string]string{
		"xu": "a x", "lux": "b", "ux": "", "X": "a x", "@x.": "a b", "wei X.ORG": "a", "0%": "", "50%": "b", "%": "", "n_b": "x", "n-b": "", "groß": "d", "Jürg": "d",
		id: "d", id[:8]: "", "xu wei": "a", `\`: "",
	} {
		page, err := NewRecords(db).List(t.Context(), model(t, "users"), app.RecordQuery{Sort: "email", Search: words})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range page.Records {
			got = append(got, r["email"][:1])
		}
		if strings.Join(got, " ") != want || page.Total != len(got) {
			t.Errorf("%q finds %q of %d, want %q", words, got, page.Total, want)
		}
	}
}

func fits(t *testing.T, db *DB, m app.Model, q app.RecordQuery) string {
	t.Helper()
	q = q.Clean(m)
	query, args := listQuery(m, q, false, q.Search != "", app.PageSize+1)
	plan := explained(t, db, "EXPLAIN "+query, args)
	if strings.Contains(plan, "Seq Scan") {
		t.Errorf("%s, sort %s down %t, filters %v, search %q:\n%s", m.Name, q.Sort, q.Desc, q.Filters, q.Search, plan)
	}
	return plan
}

// explained returns PostgreSQL's plan of a query.
func explained(t *testing.T, db *DB, query string, args []any) string {
	t.Helper()
	rows, err := db.Pool.Query(t.Context(), query, append([]any{fresh}, args...)...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(line + "\n")
	}
	if rows.Err() != nil {
		t.Fatalf("%s: %v", query, rows.Err())
	}
	return plan.String()
}
