package compose

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
)

// databases are the volumes that the images of databases declare for their data, by
// the last part of their names. A cache or a broker that starts empty is no loss.
var databases = map[string]string{
	"postgres": postgresData, "postgis": postgresData, "pgvector": postgresData, "timescaledb": postgresData,
	"mysql": "/var/lib/mysql", "mysql-server": "/var/lib/mysql", "mariadb": "/var/lib/mysql", "percona": "/var/lib/mysql", "percona-server": "/var/lib/mysql",
	"mongo": "/data/db", "couchdb": "/opt/couchdb/data",
}

// movable are databases whose settings may keep their data elsewhere, with the folder
// that they have by themselves: what they lack is any volume at all.
var movable = map[string]string{
	"cassandra": "/var/lib/cassandra", "scylla": "/var/lib/scylla", "clickhouse": "/var/lib/clickhouse", "clickhouse-server": "/var/lib/clickhouse", "influxdb": "/var/lib/influxdb",
	"neo4j": "/data", "rethinkdb": "/data", "arangodb": "/var/lib/arangodb3", "couchbase": "/opt/couchbase/var", "cockroach": "/cockroach/cockroach-data",
	"mssql/server": "/var/opt/mssql", "azure-sql-edge": "/var/opt/mssql", "oracle-free": "/opt/oracle/oradata", "oracle-xe": "/opt/oracle/oradata", "minio": "/data",
}

// vendors keep the data of every image of theirs in one folder.
var vendors = map[string]string{"linuxserver": "/config"}

// postgresData is where PostgreSQL's images kept their data before version 18, which
// has a folder for each version in the folder above.
const postgresData = "/var/lib/postgresql/data"

var major = regexp.MustCompile(`^\d+`)

// sinceEighteen reports whether an image is of PostgreSQL 18 or later, and known
// whether its tag says so: most tags begin with the version, those of pgvector and
// TimescaleDB have pg before it.
func sinceEighteen(repo, tag string) (is, known bool) {
	if name := path.Base(repo); name == "pgvector" || name == "timescaledb" {
		_, tag, _ = strings.Cut(tag, "pg")
	}
	version, err := strconv.Atoi(major.FindString(tag))
	return version >= 18, err == nil
}

// keptAt is where a vendor's image keeps its data, and the volume that the image
// declares for it.
func keptAt(svc stack.Service) (at, declared string) {
	if svc.Layer != stack.LayerData {
		return "", ""
	}
	repo, tag, _ := splitImage(svc.Image)
	if strings.Contains(repo, "bitnami") { // its images keep their data elsewhere
		return "", ""
	}
	if at = cmp.Or(movable[path.Base(repo)], movable[path.Base(path.Dir(repo))+"/"+path.Base(repo)]); at != "" {
		return at, ""
	}
	declared = databases[path.Base(repo)]
	if folder := vendors[path.Base(path.Dir(repo))]; folder != "" && declared != "" {
		return folder, folder
	}
	if declared != postgresData {
		return declared, declared
	}
	at = declared
	switch later, known := sinceEighteen(repo, tag); {
	case later:
		at, declared = path.Dir(postgresData), path.Dir(postgresData)
	case !known:
		declared = ""
	}
	return cmp.Or(svc.Environment["PGDATA"], at), declared
}

// ruleKeeps sees that a database outlives its container. A mount above the volume
// that its image declares does not hold the data: the engine makes a volume without
// a name below it.
func ruleKeeps(j *judge) {
	if j.s.Release.Elsewhere(j.svc) != "" {
		return
	}
	at, declared := keptAt(j.svc)
	if at == "" || declared == "" && hasVolume(j, at) {
		return
	}
	above := ""
	for _, m := range j.svc.Volumes {
		target := strings.TrimSuffix(m.Target, "/")
		if target != at && !strings.HasPrefix(at, target+"/") || m.Type == "tmpfs" || m.ReadOnly || probe.InMemory(j.s, m) {
			continue
		}
		if declared == "" || !strings.HasPrefix(declared, target+"/") || at != declared && !strings.HasPrefix(at, declared+"/") {
			return
		}
		above = target
	}
	if above != "" {
		j.add(keepsDataRule, "the database is lost with its container", "a named volume at "+declared, "one at "+above+": the image has a volume of its own at "+declared+", without a name", "mount the volume at "+declared+"; what a database that runs has is in the volume without a name: `stackctl backup` before, `stackctl restore` after")
		return
	}
	j.add(keepsDataRule, "the database is lost with its container", "a named volume at "+at, "none", "mount the volume at "+at)
}

// hasVolume reports whether a database whose settings say where its data is has a
// volume for it: a named one anywhere, or a folder at, above or below its own place.
func hasVolume(j *judge, at string) bool {
	return slices.ContainsFunc(j.svc.Volumes, func(m stack.Mount) bool {
		target := strings.TrimSuffix(m.Target, "/") + "/"
		near := strings.HasPrefix(at+"/", target) || strings.HasPrefix(target, at+"/")
		return !m.ReadOnly && !probe.InMemory(j.s, m) && (m.Type == "volume" && m.Source != "" || m.Type == "bind" && near)
	})
}
