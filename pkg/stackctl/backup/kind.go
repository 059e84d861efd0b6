package backup

import (
	"path"
	"strings"
)

// Kind is how a place is dumped and restored.
type Kind string

// The kinds of places.
const (
	PostgreSQL Kind = "postgresql"
	MySQL      Kind = "mysql" // and MariaDB
	Redis      Kind = "redis" // and Valkey
	// Files are a volume or a folder, copied as they are.
	Files Kind = "files"
	// None is not backed up.
	None Kind = "none"
)

// words are how a kind calls its parts and what is counted of each.
var words = map[Kind]struct{ noun, part, count, tool string }{
	PostgreSQL: {"the database", "table", "rows", "pg_dump"},
	MySQL:      {"the database", "table", "rows", "mysqldump in one transaction"},
	Redis:      {"the store", "database", "keys", "its own snapshot"},
	Files:      {"the folder", "folder", "entries", "a copy of its files"},
}

func (k Kind) known() bool   { _, ok := words[k]; return ok }
func (k Kind) noun() string  { return words[k].noun }
func (k Kind) part() string  { return words[k].part }
func (k Kind) count() string { return words[k].count }

// Parts is what the parts of a backup of this kind are called, Count what is
// counted of them.
func (k Kind) Parts() string {
	if k == "" {
		k = PostgreSQL
	}
	return k.part() + "s"
}

// Count is what is counted of each part: rows, entries, keys.
func (k Kind) Count() string {
	if k == "" {
		k = PostgreSQL
	}
	return k.count()
}

// images tells by an image's repository what its containers are. Where a team
// builds its own, backup.places says so.
var images = map[string]Kind{
	"postgres": PostgreSQL, "postgresql": PostgreSQL, "postgis": PostgreSQL, "pgvector": PostgreSQL, "pgvecto-rs": PostgreSQL,
	"timescaledb": PostgreSQL, "timescaledb-ha": PostgreSQL, "pgautoupgrade": PostgreSQL, "paradedb": PostgreSQL,
	"mysql": MySQL, "mysql-server": MySQL, "mariadb": MySQL, "percona": MySQL, "percona-server": MySQL,
	"redis": Redis, "redis-stack": Redis, "redis-stack-server": Redis, "valkey": Redis, "keydb": Redis,
}

// writers are stores that write to their folder at any time and have no dump
// that is known here: their folder is copied while they are paused. Such a copy
// is what a loss of power leaves, from which they come up by their journal
// (of MongoDB: docs, "Back Up and Restore with Filesystem Snapshots").
var writers = []string{"mongo", "mongodb", "mongodb-community-server", "percona-server-mongodb", "rabbitmq", "kafka", "elasticsearch", "opensearch", "clickhouse", "clickhouse-server", "minio", "meilisearch",
	"influxdb", "cassandra", "couchdb", "neo4j", "etcd", "consul", "nats", "zookeeper", "typesense", "qdrant", "weaviate", "victoria-metrics", "prometheus"}

// repository is the last part of an image's name, without tag and digest.
func repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	name := path.Base(image)
	name, _, _ = strings.Cut(name, ":")
	return strings.ToLower(name)
}
