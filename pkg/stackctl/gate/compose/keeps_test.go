package compose

import (
	"slices"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/stack"
)

func TestDatabasesKeepTheirDataWhereTheirImagesDo(t *testing.T) {
	for image, want := range map[string]string{
		"postgres:16":                       "/var/lib/postgresql/data",
		"postgis/postgis:16-3.4":            "/var/lib/postgresql/data",
		"mysql:8.0":                         "/var/lib/mysql",
		"docker.io/library/mariadb":         "/var/lib/mysql",
		"mongo":                             "/data/db",
		"couchdb:3.5.1":                     "/opt/couchdb/data",
		"bitnami/postgresql:16":             "",
		"bitnami/mongodb:7":                 "",
		"postgres:18.1-alpine":              "/var/lib/postgresql",
		"pgvector/pgvector:pg18":            "/var/lib/postgresql",
		"timescale/timescaledb:2.17.2-pg16": "/var/lib/postgresql/data",
		"postgis/postgis:18-3.6":            "/var/lib/postgresql",
		"redis:7":                           "", // starts empty
		"acme/shop:1":                       "",
		"cassandra:5":                       "/var/lib/cassandra",
		"mcr.microsoft.com/mssql/server":    "/var/opt/mssql",
		"clickhouse/clickhouse-server:24":   "/var/lib/clickhouse",
		"neo4j:5":                           "/data",
		"minio/minio":                       "/data",
		"lscr.io/linuxserver/mariadb":       "/config",
		"elasticsearch:8":                   "", // an index is made again
	} {
		if got, _ := keptAt(stack.Service{Image: image, Layer: stack.LayerData}); got != want {
			t.Errorf("%s: %q, want %q", image, got, want)
		}
	}
	if got, _ := keptAt(stack.Service{Image: "postgres:16", Layer: stack.LayerData, Environment: map[string]string{"PGDATA": "/data/pg"}}); got != "/data/pg" {
		t.Errorf("with PGDATA: %q", got)
	}
	if got, _ := keptAt(stack.Service{Image: "postgres:16", Layer: stack.LayerApp}); got != "" {
		t.Errorf("one that changes with every release: %q", got)
	}
}

func TestADatabasesMountHoldsItsData(t *testing.T) {
	for _, c := range []struct {
		image, target, place string
		want                 string
	}{
		{"postgres:17", "/var/lib/postgresql/data", "", ""},
		{"postgres:17", "/var/lib/postgresql", "", "/var/lib/postgresql/data"},
		{"postgres:17", "/var/lib/postgresql", "/var/lib/postgresql/data/pg", "/var/lib/postgresql/data"},
		{"postgres:17", "/var/lib/postgresql", "/var/lib/postgresql/pg", ""}, // beside the image's own volume
		{"postgres:17", "/data", "/data/pg", ""},
		{"postgres:18", "/var/lib/postgresql", "", ""},
		{"postgres:18", "/var/lib/postgresql/data", "", "/var/lib/postgresql"}, // the image refuses to start
		{"postgres:18", "/var/lib/postgresql/data", "/var/lib/postgresql/data", ""},
		{"postgres", "/var/lib/postgresql", "", ""}, // of a version that nobody knows
		{"postgres:alpine", "/var/lib/postgresql/data", "", ""},
		{"mongo:7", "/data", "", "/data/db"},
		{"mysql:8", "/var/lib", "", "/var/lib/mysql"},
		{"mysql:8", "/var/lib/mysql/", "", ""},
	} {
		svc := stack.Service{Name: "db", Image: c.image, Layer: stack.LayerData, Volumes: []stack.Mount{{Type: "volume", Source: "db", Target: c.target}}}
		if c.place != "" {
			svc.Environment = map[string]string{"PGDATA": c.place}
		}
		j := &judge{svc: svc}
		ruleKeeps(j)
		got := ""
		if len(j.out) > 0 {
			got, _, _ = strings.Cut(strings.TrimPrefix(j.out[0].Fix, "mount the volume at "), ";")
		}
		if got != c.want {
			t.Errorf("%s at %s, PGDATA %q: %q, want %q", c.image, c.target, c.place, got, c.want)
		}
	}
}

// TestAnyVolumeKeepsAStoreWhoseSettingsSayWhere holds that a store whose folder is a
// matter of its settings fails where it has no volume at all.
func TestAnyVolumeKeepsAStoreWhoseSettingsSayWhere(t *testing.T) {
	volume := func(source, target string) stack.Mount {
		return stack.Mount{Type: "volume", Source: source, Target: target}
	}
	for _, c := range []struct {
		image  string
		mounts []stack.Mount
		lost   bool
	}{
		{"cassandra:3.11", nil, true},
		{"cassandra:3.11", []stack.Mount{volume("ring", "/var/lib/cassandra")}, false},
		{"cassandra:3.11", []stack.Mount{volume("ring", "/cassandra")}, false}, // cassandra.yaml says so
		{"cassandra:3.11", []stack.Mount{{Type: "bind", Source: "/srv/x/cassandra.yaml", Target: "/etc/cassandra/cassandra.yaml"}}, true},
		{"mcr.microsoft.com/mssql/server:2022-latest", []stack.Mount{volume("sql", "/var/opt/mssql/data")}, false},
		{"mcr.microsoft.com/mssql/server:2022-latest", []stack.Mount{{Type: "bind", Source: "/srv/x/sql", Target: "/var/opt/mssql"}}, false},
		{"minio/minio", []stack.Mount{volume("objects", "/export")}, false},
		{"minio/minio", []stack.Mount{{Type: "tmpfs", Target: "/data"}}, true},
		{"cassandra:3.11", []stack.Mount{{Type: "volume", Source: "ring", Target: "/var/lib/cassandra", ReadOnly: true}}, true},
		{"lscr.io/linuxserver/mariadb", []stack.Mount{{Type: "bind", Source: "/srv/x/db", Target: "/config"}}, false},
		{"lscr.io/linuxserver/mariadb", []stack.Mount{volume("db", "/var/lib/mysql")}, true}, // its image keeps nothing there
	} {
		j := &judge{svc: stack.Service{Name: "db", Image: c.image, Layer: stack.LayerData, Volumes: c.mounts}}
		if ruleKeeps(j); len(j.out) > 0 != c.lost {
			t.Errorf("%s with %+v: %+v, want lost %t", c.image, c.mounts, j.out, c.lost)
		}
	}
}

// What is a client alone keeps nothing and may find its way out, and has to see whose
// certificate it is.
func TestTheClientOfADatabaseElsewhere(t *testing.T) {
	client := func(change func(*stack.Service)) []string {
		s := stack.Service{Name: "db", Image: "postgres:16", Layer: stack.LayerData, Deployed: true, Networks: []string{"app"}, Command: []string{"sh", "-c", "exec sleep infinity"},
			Environment: map[string]string{"PGHOST": "db.example.org", "PGSSLMODE": "verify-full", "PGSSLROOTCERT": "/run/secrets/database_ca"}}
		change(&s)
		subject := gate.Subject{Release: stack.Release{Services: []stack.Service{s, {Name: "main", Aliases: []string{"primary"}}}, Networks: []stack.Network{{Name: "app"}}}}
		j := &judge{s: subject, svc: s}
		ruleKeeps(j)
		ruleStore(j)
		var out []string
		for _, f := range append(j.out, judgeNetworks(subject)...) {
			out = append(out, f.Rule)
		}
		slices.Sort(out)
		return out
	}
	lost := []string{"compose/data-network", "compose/keeps-data"}
	for name, c := range map[string]struct {
		change func(*stack.Service)
		want   []string
	}{
		"as it should be":         {func(*stack.Service) {}, nil},
		"any certificate":         {func(s *stack.Service) { s.Environment["PGSSLMODE"] = "require" }, []string{"compose/store-tls"}},
		"nothing said":            {func(s *stack.Service) { delete(s.Environment, "PGSSLMODE") }, []string{"compose/store-tls"}},
		"no authority":            {func(s *stack.Service) { delete(s.Environment, "PGSSLROOTCERT") }, []string{"compose/store-tls"}},
		"a server":                {func(s *stack.Service) { s.Command = nil }, lost},
		"a server with settings":  {func(s *stack.Service) { s.Command = []string{"postgres", "-c", "x=y"} }, lost},
		"its own server":          {func(s *stack.Service) { s.Environment["PGHOST"] = "127.0.0.1" }, lost},
		"its own server, by name": {func(s *stack.Service) { s.Environment["PGHOST"] = "db" }, lost},
		"its own server's socket": {func(s *stack.Service) { s.Environment["PGHOST"] = "/var/run/postgresql" }, lost},
		"a sibling":               {func(s *stack.Service) { s.Environment["PGHOST"] = "main" }, lost},
		"a sibling's other name":  {func(s *stack.Service) { s.Environment["PGHOST"] = "primary" }, lost},
		"an application":          {func(s *stack.Service) { s.Layer = stack.LayerApp; delete(s.Environment, "PGSSLMODE") }, nil},
		"no host":                 {func(s *stack.Service) { delete(s.Environment, "PGHOST") }, lost},
	} {
		if got := client(c.change); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
