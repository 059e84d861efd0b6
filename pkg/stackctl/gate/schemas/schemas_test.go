package schemas

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/gatetest"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/schema"
	"stackctl/pkg/stackctl/stack"
)

const goodSchema = `{"status":"ok","stamped":3,"head":3,"pending":[],"objects":41,"differences":[]}`

func goodCatalog() *schema.Catalog {
	return &schema.Catalog{Constraints: 4, Indexes: 5, Columns: []schema.Column{
		{Table: "public.users", Name: "id", Type: "uuid", NotNull: true, Filled: true},
		{Table: "public.users", Name: "email", Type: "character varying(254)", NotNull: true, Filled: false},
		{Table: "public.users", Name: "bio", Type: "text", NotNull: false, Filled: false},
		{Table: "public.users", Name: "count", Type: "integer", NotNull: true, Filled: true},
		{Table: "public.sessions", Name: "token", Type: "bytea", NotNull: true, Filled: false},
	}}
}

// deployment answers the check with word, and psql with the catalog.
func deployment(t *testing.T, word string, exit int, catalog *schema.Catalog) *gatetest.Deployment {
	d := gatetest.GoodDeployment(t)
	d.Fake.OnExec = func(container string, argv []string) (stack.Output, error) {
		switch {
		case container == "id-admin" && strings.Join(argv, " ") == "/server schema-check --json":
			return stack.Output{Stdout: []byte(word), Stderr: []byte("log line"), Exit: exit}, nil
		case container == "id-postgres" && catalog != nil:
			return stack.Output{Stdout: probe.Encode(catalog)}, nil
		}
		return stack.Output{Exit: 127}, nil
	}
	return d
}

func evidenceOf(catalog *schema.Catalog) []byte {
	return probe.Encode(evidence{Release: "bbbbbbbbbbbb", Catalog: catalog})
}

func TestSchemaPassesOnAGoodDatabase(t *testing.T) {
	d := deployment(t, goodSchema, 0, goodCatalog())
	if a := gatetest.Passes(t, Live(), d.Subject); a.Inspected != 41 {
		t.Errorf("inspected %d", a.Inspected)
	}
	// What this release keeps is what the next one is compared with.
	kept := d.Sink.Kept[artifact]
	d.Before = &gate.Before{ID: "bbbbbbbbbbbb", Schema: kept}
	gatetest.Passes(t, Live(), d.Subject)
	if !strings.Contains(string(d.Sink.Kept[text]), "compared with release bbbbbbbbbbbb") {
		t.Errorf("%s", d.Sink.Kept[text])
	}
	// Without psql the check's own word stands.
	d = deployment(t, goodSchema, 0, nil)
	gatetest.Passes(t, Live(), d.Subject)
	if !strings.Contains(string(d.Sink.Kept[text]), "the catalog was not read") {
		t.Errorf("%s", d.Sink.Kept[text])
	}
	// After a rollback the schema is a newer release's, as far as the check
	// names what it can live with.
	d = deployment(t, `{"status":"ok","stamped":4,"head":3,"objects":42,"ahead":["column users.nick"]}`, 0, goodCatalog())
	gatetest.Passes(t, Live(), d.Subject)
	// A list of objects counts as many as it holds.
	d = deployment(t, `{"status":"ok","stamped":3,"head":3,"objects":["a","b","c"]}`, 0, nil)
	if a := gatetest.Passes(t, Live(), d.Subject); a.Inspected != 3 {
		t.Errorf("inspected %d", a.Inspected)
	}
}

func TestSchemaTakesAnExpandingMigration(t *testing.T) {
	d := deployment(t, goodSchema, 0, &schema.Catalog{Columns: append(goodCatalog().Columns,
		schema.Column{Table: "public.users", Name: "avatar", Type: "text", NotNull: false, Filled: false},
		schema.Column{Table: "public.users", Name: "created", Type: "timestamp with time zone", NotNull: true, Filled: true},
		schema.Column{Table: "public.audit", Name: "id", Type: "bigint", NotNull: true, Filled: false}), Constraints: 9, Indexes: 9})
	d.Before = &gate.Before{ID: "bbbbbbbbbbbb", Schema: evidenceOf(goodCatalog())}
	gatetest.Passes(t, Live(), d.Subject)
	wider := goodCatalog()
	wider.Columns[1].Type, wider.Columns[3].Type = "text", "bigint"
	d = deployment(t, goodSchema, 0, wider)
	d.Before = &gate.Before{ID: "bbbbbbbbbbbb", Schema: evidenceOf(goodCatalog())}
	gatetest.Passes(t, Live(), d.Subject)
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
				catalog.Columns = append(catalog.Columns, schema.Column{Table: "public." + table, Name: "id", Type: "bigint", NotNull: true, Filled: true})
			}
			d := deployment(t, m.word, m.exit, catalog)
			gatetest.Catches(t, Live(), d.Subject, m.want)
			if len(d.Sink.Kept[artifact]) == 0 || len(d.Sink.Kept[text]) == 0 {
				t.Error("no evidence")
			}
		})
	}
}

func TestSchemaCatchesAnEmptyDatabaseBehindAGoodWord(t *testing.T) {
	d := deployment(t, goodSchema, 0, &schema.Catalog{})
	gatetest.Catches(t, Live(), d.Subject, "the database has no tables")
}

func TestSchemaCatchesWhatTheReleaseBeforeCannotLiveWith(t *testing.T) {
	for name, m := range map[string]struct {
		change func(c *schema.Catalog)
		want   string
	}{
		"table dropped":   {func(c *schema.Catalog) { c.Columns = c.Columns[:4] }, "public.sessions: release bbbbbbbbbbbb cannot work with it: table dropped"},
		"column dropped":  {func(c *schema.Catalog) { c.Columns = append(c.Columns[:2:2], c.Columns[3:]...) }, "public.users.bio"},
		"column renamed":  {func(c *schema.Catalog) { c.Columns[2].Name = "about" }, "public.users.bio"},
		"type changed":    {func(c *schema.Catalog) { c.Columns[3].Type = "text" }, "column type changed"},
		"type narrowed":   {func(c *schema.Catalog) { c.Columns[1].Type = "character varying(100)" }, "column type changed"},
		"became NOT NULL": {func(c *schema.Catalog) { c.Columns[2].NotNull = true }, "became NOT NULL"},
		"default dropped": {func(c *schema.Catalog) { c.Columns[3].Filled = false }, "default dropped"},
		"new NOT NULL column": {func(c *schema.Catalog) {
			c.Columns = append(c.Columns, schema.Column{Table: "public.users", Name: "x", Type: "text", NotNull: true, Filled: false})
		}, "new column NOT NULL"},
	} {
		t.Run(name, func(t *testing.T) {
			now := goodCatalog()
			m.change(now)
			d := deployment(t, goodSchema, 0, now)
			d.Before = &gate.Before{ID: "bbbbbbbbbbbb", Schema: evidenceOf(goodCatalog())}
			gatetest.Catches(t, Live(), d.Subject, m.want)
		})
	}
}

func TestSchemaThatCannotBeJudged(t *testing.T) {
	d := deployment(t, goodSchema, 0, goodCatalog())
	d.Fake.OnExec = func(string, []string) (stack.Output, error) { return stack.Output{}, errors.New("connection lost") }
	if a, err := Live().Check(t.Context(), d.Subject); err == nil {
		t.Errorf("judged: %+v", a)
	}
	d = deployment(t, goodSchema, 0, goodCatalog())
	d.Before = &gate.Before{ID: "bbbbbbbbbbbb", Schema: []byte("{")}
	if a, err := Live().Check(t.Context(), d.Subject); err == nil {
		t.Errorf("judged: %+v", a)
	}
	d.Fake.List = nil
	if a, err := Live().Check(context.Background(), d.Subject); err == nil {
		t.Errorf("judged: %+v", a)
	}
}

func FuzzSchemaWord(f *testing.F) {
	f.Add([]byte(goodSchema), []byte(`{"columns":[],"constraints":1,"indexes":1}`))
	f.Add([]byte(`{"objects":{},"pending":[null]}`), []byte("x"))
	f.Fuzz(func(t *testing.T, word, catalog []byte) {
		w, bad := parse(stack.Output{Stdout: word})
		c, err := schema.CatalogOf(catalog)
		if bad == "" {
			if found := judge(w, 0); len(found) == 0 && w.Objects.count <= 0 {
				t.Error("a check of nothing passes")
			}
			if _, err := json.Marshal(w); err != nil {
				t.Error(err)
			}
		}
		if err == nil {
			cross(w, c)
			if len(schema.Compatible(c, c)) > 0 && distinct(c) {
				t.Error("a catalog is not compatible with itself")
			}
		}
	})
}

// distinct reports whether no column stands in a catalog twice.
func distinct(c *schema.Catalog) bool {
	seen := map[string]bool{}
	for _, col := range c.Columns {
		if seen[col.Table+"\x00"+col.Name] {
			return false
		}
		seen[col.Table+"\x00"+col.Name] = true
	}
	return true
}
