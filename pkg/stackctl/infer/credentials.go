package infer

import (
	"regexp"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// credential is what a store's image wants before it makes its first files.
type credential struct {
	// images are repositories, as names reads them.
	images []string
	// keys are variables of which one has a value, or the file of one (KEY_FILE).
	keys []string
	// unless are variables that say otherwise, once they have a value.
	unless []string
	// with are variables of which one has a value where it is wanted; none: always.
	with []string
	// always are whole repositories whose image ends without any of the keys. Of
	// others only a key that is there and is empty is known to be wrong.
	always []string
}

var (
	emptyMySQL   = []string{"MYSQL_ALLOW_EMPTY_PASSWORD"}
	randomMySQL  = slices.Concat(emptyMySQL, []string{"MYSQL_RANDOM_ROOT_PASSWORD"})
	emptyMariaDB = slices.Concat(emptyMySQL, []string{"MARIADB_ALLOW_EMPTY_ROOT_PASSWORD"})
	randomMaria  = slices.Concat(emptyMariaDB, []string{"MYSQL_RANDOM_ROOT_PASSWORD", "MARIADB_RANDOM_ROOT_PASSWORD"})
	emptyBitnami = []string{"ALLOW_EMPTY_PASSWORD"}
)

// credentials are the known ones. An image of Bitnami has its own variables, and
// comes first.
var credentials = []credential{
	{images: []string{"bitnami/postgresql", "bitnamilegacy/postgresql"}, keys: []string{"POSTGRESQL_PASSWORD", "POSTGRES_PASSWORD"}, unless: emptyBitnami},
	{images: []string{"bitnami/mariadb", "bitnamilegacy/mariadb"}, keys: []string{"MARIADB_ROOT_PASSWORD"}, unless: emptyBitnami},
	{images: []string{"bitnami/mysql", "bitnamilegacy/mysql"}, keys: []string{"MYSQL_ROOT_PASSWORD"}, unless: emptyBitnami},
	{images: []string{"bitnami/mongodb", "bitnamilegacy/mongodb"}, keys: []string{"MONGODB_ROOT_PASSWORD"}, unless: emptyBitnami},
	{images: []string{"bitnami/redis", "bitnamilegacy/redis"}, keys: []string{"REDIS_PASSWORD"}, unless: emptyBitnami},
	{images: []string{"bitnami/valkey", "bitnamilegacy/valkey"}, keys: []string{"VALKEY_PASSWORD"}, unless: emptyBitnami},

	{images: []string{"postgres", "postgis", "pgvector", "timescaledb", "timescaledb-ha", "pgvecto-rs", "vchord-postgres", "citus", "paradedb", "pgautoupgrade"}, keys: []string{"POSTGRES_PASSWORD"}, unless: []string{"POSTGRES_HOST_AUTH_METHOD"},
		always: []string{"postgres", "postgis/postgis", "pgvector/pgvector", "timescale/timescaledb"}},
	{images: []string{"mysql", "percona", "percona-server"}, keys: []string{"MYSQL_ROOT_PASSWORD"}, unless: randomMySQL, always: []string{"mysql", "percona"}},
	{images: []string{"mysql", "percona", "percona-server"}, keys: []string{"MYSQL_PASSWORD"}, unless: emptyMySQL, with: []string{"MYSQL_USER"}},
	{images: []string{"mariadb"}, keys: []string{"MARIADB_ROOT_PASSWORD", "MYSQL_ROOT_PASSWORD", "MARIADB_ROOT_PASSWORD_HASH"}, unless: randomMaria, always: []string{"mariadb"}},
	{images: []string{"mariadb"}, keys: []string{"MARIADB_PASSWORD", "MYSQL_PASSWORD", "MARIADB_PASSWORD_HASH"}, unless: emptyMariaDB, with: []string{"MARIADB_USER", "MYSQL_USER"}},
	{images: []string{"mongo"}, keys: []string{"MONGO_INITDB_ROOT_PASSWORD"}, with: []string{"MONGO_INITDB_ROOT_USERNAME"}, always: []string{"mongo"}},
	{images: []string{"mssql/server", "azure-sql-edge"}, keys: []string{"MSSQL_SA_PASSWORD", "SA_PASSWORD"}},
	{images: []string{"oracle-free", "oracle-xe"}, keys: []string{"ORACLE_PASSWORD"}, unless: []string{"ORACLE_RANDOM_PASSWORD"}},
	{images: []string{"rabbitmq"}, keys: []string{"RABBITMQ_DEFAULT_PASS"}, with: []string{"RABBITMQ_DEFAULT_USER"}},
	{images: []string{"minio"}, keys: []string{"MINIO_ROOT_PASSWORD", "MINIO_SECRET_KEY"}},
	{images: []string{"couchdb"}, keys: []string{"COUCHDB_PASSWORD"}, with: []string{"COUCHDB_USER"}},
	{images: []string{"influxdb"}, keys: []string{"DOCKER_INFLUXDB_INIT_PASSWORD"}, with: []string{"DOCKER_INFLUXDB_INIT_USERNAME"}},
	{images: []string{"openldap"}, keys: []string{"LDAP_ADMIN_PASSWORD"}},
	{images: []string{"typesense"}, keys: []string{"TYPESENSE_API_KEY"}},
}

// Lack is a secret without which a service cannot work.
type Lack struct {
	// Key is the variable, or the flag of a command.
	Key string
	// Absent reports that it is nowhere; else it is there, and empty.
	Absent bool
	// Cause is what fails without it: "PostgreSQL is not set up without it".
	Cause string
}

// ownServers are what a store's image starts by itself, as a command writes it.
var ownServers = regexp.MustCompile(`^(?:$|-|(?:docker-entrypoint\.sh )?(?:postgres|mysqld|mariadbd|mongod|redis-server|valkey-server|keydb-server|rabbitmq-server|(?:minio )?server)\b)`)

// signing are variables that a framework or a well-known program ends without, or
// with which it signs what anybody could forge then.
var signing = []string{"SECRET_KEY", "SECRET_KEY_BASE", "DJANGO_SECRET_KEY", "NEXTAUTH_SECRET", "AUTHENTIK_SECRET_KEY", "UTILS_SECRET", "OTP_SECRET", "JICOFO_AUTH_PASSWORD", "JVB_AUTH_PASSWORD"}

// bareRequirepass is the flag for a store's password with nothing after it.
var bareRequirepass = regexp.MustCompile(`(?:^|\s)(--requirepass)(?:\s+--|\s*$)`)

// Lacks are the secrets that a service cannot work without and that have no value.
// What is left out on purpose is none: who allows an empty password gets one.
func Lacks(s Service, d Decision) []Lack {
	if d.OneShot {
		return nil
	}
	if d.Layer != stack.LayerData {
		return emptySigning(s)
	}
	known, ok := storeOf(s.Image)
	if !ok || len(s.Entrypoint) > 0 || !ownServers.MatchString(commandText(s)) {
		return nil
	}
	var out []Lack
	cause := known.name + " is not set up without it"
	if m := bareRequirepass.FindStringSubmatch(commandText(s)); m != nil {
		out = append(out, Lack{Key: m[1], Cause: known.name + " starts without a password, or not at all"})
	}
	for _, c := range credentials {
		if !names(c.images, Repository(s.Image)) {
			continue
		}
		if key, absent, lacks := c.lack(s); lacks {
			out = append(out, Lack{Key: key, Absent: absent, Cause: cause})
		}
		if strings.HasPrefix(c.images[0], "bitnami") {
			break
		}
	}
	return out
}

// lack returns the variable that a service lacks, and whether it is nowhere.
func (c credential) lack(s Service) (key string, absent, lacks bool) {
	has := func(key string) bool { return s.Environment[key] != "" }
	given := func(key string) bool { return has(key) || has(key+"_FILE") }
	if slices.ContainsFunc(c.keys, given) || slices.ContainsFunc(c.unless, given) || len(c.with) > 0 && !slices.ContainsFunc(c.with, given) {
		return "", false, false
	}
	for _, key := range c.keys {
		if _, there := s.Environment[key]; there {
			return key, false, true
		}
	}
	return c.keys[0], true, slices.Contains(c.always, Repository(s.Image))
}

// emptySigning are the keys of a service that are there and empty.
func emptySigning(s Service) []Lack {
	var out []Lack
	for _, key := range signing {
		if value, there := s.Environment[key]; there && value == "" && s.Environment[key+"_FILE"] == "" {
			out = append(out, Lack{Key: key, Cause: "the program ends without it, or trusts whoever knows that it is empty"})
		}
	}
	return out
}
