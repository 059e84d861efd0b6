package gate

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

const goodSchema = `{"status":"ok","stamped":3,"head":3,"pending":[],"objects":41,"differences":[]}`

func goodCatalog() *schemaCatalog {
	return &schemaCatalog{Constraints: 4, Indexes: 5, Columns: []schemaColumn{
		{"public.users", "id", "uuid", true, true},
		{"public.users", "email", "character varying(254)", true, false},
		{"public.users", "bio", "text", false, false},
		{"public.users", "count", "integer", true, true},
		{"public.sessions", "token", "bytea", true, false},
	}}
}

// schemaDeployment answers the check with word, and psql with the catalog.
func schemaDeployment(t *testing.T, word string, exit int, catalog *schemaCatalog) *fakeDeployment {
	d := goodDeployment(t)
	d.server.exec = func(container string, argv []string) (stack.Output, error) {
		switch {
		case container == "id-admin" && strings.Join(argv, " ") == "/server schema-check --json":
			return stack.Output{Stdout: []byte(word), Stderr: []byte("log line"), Exit: exit}, nil
		case container == "id-postgres" && catalog != nil:
			return stack.Output{Stdout: probeEncode(catalog)}, nil
		}
		return stack.Output{Exit: 127}, nil
	}
	return d
}

func evidenceOf(catalog *schemaCatalog) []byte {
	return probeEncode(schemaEvidence{Release: "bbbbbbbbbbbb", Catalog: catalog})
}

func TestSchemaPassesOnAGoodDatabase(t *testing.T) {
	d := schemaDeployment(t, goodSchema, 0, goodCatalog())
	if a := passes(t, schema(), d.Subject); a.Inspected != 41 {
		t.Errorf("inspected %d", a.Inspected)
	}
	// What this release keeps is what the next one is compared with.
	kept := d.sink.kept[schemaArtifact]
	d.Before = &Before{ID: "bbbbbbbbbbbb", Schema: kept}
	passes(t, schema(), d.Subject)
	if !strings.Contains(string(d.sink.kept[schemaText]), "compared with release bbbbbbbbbbbb") {
		t.Errorf("%s", d.sink.kept[schemaText])
	}
	// Without psql the check's own word stands.
	d = schemaDeployment(t, goodSchema, 0, nil)
	passes(t, schema(), d.Subject)
	if !strings.Contains(string(d.sink.kept[schemaText]), "the catalog was not read") {
		t.Errorf("%s", d.sink.kept[schemaText])
	}
	// After a rollback the schema is a newer release's, as far as the check
	// names what it can live with.
	d = schemaDeployment(t, `{"status":"ok","stamped":4,"head":3,"objects":42,"ahead":["column users.nick"]}`, 0, goodCatalog())
	passes(t, schema(), d.Subject)
	// A list of objects counts as many as it holds.
	d = schemaDeployment(t, `{"status":"ok","stamped":3,"head":3,"objects":["a","b","c"]}`, 0, nil)
	if a := passes(t, schema(), d.Subject); a.Inspected != 3 {
		t.Errorf("inspected %d", a.Inspected)
	}
}

func TestSchemaTakesAnExpandingMigration(t *testing.T) {
	d := schemaDeployment(t, goodSchema, 0, &schemaCatalog{Columns: append(goodCatalog().Columns,
		schemaColumn{"public.users", "avatar", "text", false, false},
		schemaColumn{"public.users", "created", "timestamp with time zone", true, true},
		schemaColumn{"public.audit", "id", "bigint", true, false}), Constraints: 9, Indexes: 9})
	d.Before = &Before{ID: "bbbbbbbbbbbb", Schema: evidenceOf(goodCatalog())}
	passes(t, schema(), d.Subject)
	wider := goodCatalog()
	wider.Columns[1].Type, wider.Columns[3].Type = "text", "bigint"
	d = schemaDeployment(t, goodSchema, 0, wider)
	d.Before = &Before{ID: "bbbbbbbbbbbb", Schema: evidenceOf(goodCatalog())}
	passes(t, schema(), d.Subject)
}

func TestSchemaCatches(t *testing.T) {
	for name, m := range map[string]struct {
		word string
		exit int
		want string
	}{
		"prints nothing":         {"", 0, "printed nothing"},
		"prints nothing, exit 1": {"  \n", 1, "printed nothing (exit 1)"},
		"prints text":            {"schema ok", 0, "not the JSON document"},
		"half a document":        {goodSchema[:40], 0, "not the JSON document"},
		"two documents":          {goodSchema + goodSchema, 0, "not the JSON document"},
		"nothing inspected":      {`{"status":"ok","stamped":3,"head":3,"objects":0}`, 0, "inspected nothing"},
		"objects missing":        {`{"status":"ok","stamped":3,"head":3}`, 0, "inspected nothing"},
		"column missing": {`{"status":"drift","stamped":3,"head":3,"objects":41,"differences":[{"object":"column users.bio","problem":"missing","expected":"text","observed":"not there"}]}`, 1,
			"column users.bio: live schema differs: missing"},
		"pending":                         {`{"status":"drift","stamped":2,"head":3,"pending":["00003_x"],"objects":41}`, 1, "migration 00003_x"},
		"pending as numbers":              {`{"status":"drift","stamped":2,"head":3,"pending":[3],"objects":41}`, 1, "migration 3"},
		"behind head":                     {`{"status":"ok","stamped":2,"head":3,"objects":41}`, 0, "not stamped at the newest"},
		"ahead of head":                   {`{"status":"ok","stamped":4,"head":3,"objects":41}`, 0, "not stamped at the newest"},
		"no stamp":                        {`{"status":"ok","head":3,"objects":41}`, 0, "does not say which migration"},
		"no migrations":                   {`{"status":"ok","stamped":0,"head":0,"objects":41}`, 0, "there are no migrations"},
		"ok, but exit 1":                  {goodSchema, 1, "exit code and status disagree"},
		"drift, but exit 0":               {`{"status":"drift","stamped":3,"head":3,"objects":41,"differences":[{"object":"x"}]}`, 0, "exit code and status disagree"},
		"ok, but differences":             {`{"status":"ok","stamped":3,"head":3,"objects":41,"differences":[{"object":"x"}]}`, 0, "contradicts itself"},
		"drift without a difference":      {`{"status":"drift","stamped":3,"head":3,"objects":41}`, 1, "does not say ok"},
		"no status":                       {`{"stamped":3,"head":3,"objects":41}`, 0, "does not say ok"},
		"an empty object":                 {`{}`, 0, "does not say"},
		"null":                            {`null`, 0, "does not say"},
		"fewer objects than there are":    {`{"status":"ok","stamped":3,"head":3,"objects":1}`, 0, "less than there is"},
		"command not found":               {"", 127, "exit 127"},
		"objects of the wrong type":       {`{"status":"ok","stamped":3,"head":3,"objects":"many"}`, 0, "not the JSON document"},
		"an error where ok should stand":  {`{"status":"error","stamped":3,"head":3,"objects":41}`, 2, "does not say ok"},
		"negative count of objects":       {`{"status":"ok","stamped":3,"head":3,"objects":-1}`, 0, "inspected nothing"},
		"differences and pending at once": {`{"status":"drift","stamped":2,"head":3,"pending":["3"],"objects":4,"differences":[{"object":"index a"}]}`, 1, "index a"},
	} {
		t.Run(name, func(t *testing.T) {
			catalog := goodCatalog()
			for _, table := range []string{"a", "b", "c"} {
				catalog.Columns = append(catalog.Columns, schemaColumn{"public." + table, "id", "bigint", true, true})
			}
			d := schemaDeployment(t, m.word, m.exit, catalog)
			catches(t, schema(), d.Subject, m.want)
			if len(d.sink.kept[schemaArtifact]) == 0 || len(d.sink.kept[schemaText]) == 0 {
				t.Error("no evidence")
			}
		})
	}
}

func TestSchemaCatchesAnEmptyDatabaseBehindAGoodWord(t *testing.T) {
	d := schemaDeployment(t, goodSchema, 0, &schemaCatalog{})
	catches(t, schema(), d.Subject, "the database has no tables")
}

func TestSchemaCatchesWhatTheReleaseBeforeCannotLiveWith(t *testing.T) {
	for name, m := range map[string]struct {
		change func(c *schemaCatalog)
		want   string
	}{
		"table dropped":   {func(c *schemaCatalog) { c.Columns = c.Columns[:4] }, "public.sessions: release bbbbbbbbbbbb cannot work with it: table dropped"},
		"column dropped":  {func(c *schemaCatalog) { c.Columns = append(c.Columns[:2:2], c.Columns[3:]...) }, "public.users.bio"},
		"column renamed":  {func(c *schemaCatalog) { c.Columns[2].Name = "about" }, "public.users.bio"},
		"type changed":    {func(c *schemaCatalog) { c.Columns[3].Type = "text" }, "column type changed"},
		"type narrowed":   {func(c *schemaCatalog) { c.Columns[1].Type = "character varying(100)" }, "column type changed"},
		"became NOT NULL": {func(c *schemaCatalog) { c.Columns[2].NotNull = true }, "became NOT NULL"},
		"default dropped": {func(c *schemaCatalog) { c.Columns[3].Filled = false }, "default dropped"},
		"new NOT NULL column": {func(c *schemaCatalog) {
			c.Columns = append(c.Columns, schemaColumn{"public.users", "x", "text", true, false})
		}, "new column NOT NULL"},
	} {
		t.Run(name, func(t *testing.T) {
			now := goodCatalog()
			m.change(now)
			d := schemaDeployment(t, goodSchema, 0, now)
			d.Before = &Before{ID: "bbbbbbbbbbbb", Schema: evidenceOf(goodCatalog())}
			catches(t, schema(), d.Subject, m.want)
		})
	}
}

func TestSchemaThatCannotBeJudged(t *testing.T) {
	d := schemaDeployment(t, goodSchema, 0, goodCatalog())
	d.server.exec = func(string, []string) (stack.Output, error) { return stack.Output{}, errors.New("connection lost") }
	if a, err := schema().Check(t.Context(), d.Subject); err == nil {
		t.Errorf("judged: %+v", a)
	}
	d = schemaDeployment(t, goodSchema, 0, goodCatalog())
	d.Before = &Before{ID: "bbbbbbbbbbbb", Schema: []byte("{")}
	if a, err := schema().Check(t.Context(), d.Subject); err == nil {
		t.Errorf("judged: %+v", a)
	}
	d.server.containers = nil
	if a, err := schema().Check(context.Background(), d.Subject); err == nil {
		t.Errorf("judged: %+v", a)
	}
}

func FuzzSchemaWord(f *testing.F) {
	f.Add([]byte(goodSchema), []byte(`{"columns":[],"constraints":1,"indexes":1}`))
	f.Add([]byte(`{"objects":{},"pending":[null]}`), []byte("x"))
	f.Fuzz(func(t *testing.T, word, catalog []byte) {
		w, bad := schemaParse(stack.Output{Stdout: word})
		c, err := schemaCatalogOf(catalog)
		if bad == "" {
			if found := schemaJudge(w, 0); len(found) == 0 && w.Objects.count <= 0 {
				t.Error("a check of nothing passes")
			}
			if _, err := json.Marshal(w); err != nil {
				t.Error(err)
			}
		}
		if err == nil {
			schemaCross(w, c)
			if len(schemaCompatible(c, c)) > 0 && distinct(c) {
				t.Error("a catalog is not compatible with itself")
			}
		}
	})
}

// distinct says that no column stands in a catalog twice.
func distinct(c *schemaCatalog) bool {
	seen := map[string]bool{}
	for _, col := range c.Columns {
		if seen[col.Table+"\x00"+col.Name] {
			return false
		}
		seen[col.Table+"\x00"+col.Name] = true
	}
	return true
}
