package infer

import (
	"slices"
	"strings"
)

// store is one kind of program that keeps or passes on what an application
// cannot lose by a deploy: it changes with its own definition alone.
type store struct {
	name string
	// images are repositories, as names reads them.
	images []string
	// folders are where it keeps its data in a container. They tell a store
	// that is built, and whose image nobody knows.
	folders []string
	// ports are its TCP ports.
	ports []int
}

// stores are the known ones, by kind: databases with tables, with documents,
// for search, for time series and vectors; caches; queues; objects; registries
// of keys.
var stores = []store{
	{"PostgreSQL", []string{"postgres", "postgresql", "postgis", "timescaledb", "timescaledb-ha", "pgvector", "pgvecto-rs", "vchord-postgres", "vectorchord", "postgresql-repmgr", "citus", "spilo", "postgres-ha", "crunchy-postgres", "pgmq"},
		[]string{"/var/lib/postgresql", "/bitnami/postgresql"}, []int{5432}},
	{"MySQL", []string{"mysql", "mysql-server", "mysql/community-server", "mysql-cluster", "mysql-5.7", "mysql-8.0"}, []string{"/var/lib/mysql", "/bitnami/mysql"}, []int{3306, 33060}},
	{"MariaDB", []string{"mariadb", "mariadb-galera", "mariadb/server", "yobasystems/alpine-mariadb"}, []string{"/bitnami/mariadb"}, []int{3306}},
	{"Percona", []string{"percona", "percona-server", "percona-xtradb-cluster", "percona-server-mongodb"}, nil, []int{3306}},
	{"Microsoft SQL Server", []string{"mssql/server", "mssql-server-linux", "azure-sql-edge"}, []string{"/var/opt/mssql"}, []int{1433}},
	{"Oracle Database", []string{"oracle-xe", "oracle-free", "database/express", "database/free", "database/enterprise", "oracle-xe-11g"}, []string{"/opt/oracle/oradata"}, []int{1521}},
	{"Db2", []string{"db2", "db2_community/db2"}, nil, []int{50000}},
	{"Firebird", []string{"firebird", "firebirdsql"}, []string{"/firebird/data"}, []int{3050}},
	{"CockroachDB", []string{"cockroach", "cockroachdb"}, []string{"/cockroach/cockroach-data"}, []int{26257}},
	{"YugabyteDB", []string{"yugabyte"}, nil, []int{5433}},
	{"TiDB", []string{"tidb", "tikv", "pingcap/pd"}, nil, []int{4000}},

	{"MongoDB", []string{"mongo", "mongodb", "mongodb-community-server", "mongodb-enterprise-server", "mongodb-atlas-local", "mongodb-sharded", "rpi-mongodb3"}, []string{"/data/db", "/bitnami/mongodb"}, []int{27017, 27018, 27019}},
	{"FerretDB", []string{"ferretdb", "ferretdb/all-in-one"}, nil, []int{27017}},
	{"CouchDB", []string{"couchdb"}, []string{"/opt/couchdb/data"}, []int{5984}},
	{"Couchbase", []string{"couchbase", "couchbase/server"}, []string{"/opt/couchbase/var"}, []int{8091, 11210}},
	{"Cassandra", []string{"cassandra"}, []string{"/var/lib/cassandra"}, []int{9042, 7000}},
	{"ScyllaDB", []string{"scylla"}, []string{"/var/lib/scylla"}, []int{9042}},
	{"RethinkDB", []string{"rethinkdb"}, nil, []int{28015}},
	{"RavenDB", []string{"ravendb"}, nil, []int{38888}},
	{"ArangoDB", []string{"arangodb", "arangodb/enterprise"}, []string{"/var/lib/arangodb3"}, []int{8529}},
	{"Neo4j", []string{"neo4j"}, nil, []int{7687, 7474}},
	{"Dgraph", []string{"dgraph", "dgraph/standalone"}, []string{"/dgraph"}, []int{5080, 9080}},
	{"OrientDB", []string{"orientdb"}, nil, []int{2424}},
	{"SurrealDB", []string{"surrealdb"}, nil, nil},
	{"EventStoreDB", []string{"eventstore", "kurrentdb"}, nil, []int{2113, 1113}},
	{"immudb", []string{"immudb"}, nil, []int{3322}},
	{"DynamoDB", []string{"dynamodb-local"}, nil, nil},

	{"Elasticsearch", []string{"elasticsearch", "elasticsearch-oss"}, []string{"/usr/share/elasticsearch/data"}, []int{9200, 9300}},
	{"OpenSearch", []string{"opensearch"}, []string{"/usr/share/opensearch/data"}, []int{9200, 9300, 9600}},
	{"Solr", []string{"solr"}, []string{"/var/solr"}, []int{8983}},
	{"Meilisearch", []string{"meilisearch"}, []string{"/meili_data", "/data.ms"}, []int{7700}},
	{"Typesense", []string{"typesense"}, nil, []int{8108}},
	{"Manticore Search", []string{"manticore", "sphinxsearch"}, []string{"/var/lib/manticore"}, []int{9306}},
	{"Sonic", []string{"valeriansaliou/sonic"}, nil, []int{1491}},
	{"Qdrant", []string{"qdrant"}, []string{"/qdrant/storage"}, []int{6333, 6334}},
	{"Weaviate", []string{"weaviate"}, nil, []int{50051}},
	{"Milvus", []string{"milvus"}, []string{"/var/lib/milvus"}, []int{19530}},
	{"Chroma", []string{"chroma", "chromadb"}, nil, nil},

	{"ClickHouse", []string{"clickhouse", "clickhouse-server", "clickhouse-keeper"}, []string{"/var/lib/clickhouse"}, []int{8123, 9000, 9009}},
	{"InfluxDB", []string{"influxdb", "influxdb3-core"}, []string{"/var/lib/influxdb", "/var/lib/influxdb2"}, []int{8086}},
	{"QuestDB", []string{"questdb"}, nil, []int{8812, 9009}},
	{"VictoriaMetrics", []string{"victoria-metrics", "victoria-logs", "vmstorage"}, nil, []int{8428, 9428}},
	{"CrateDB", []string{"crate"}, nil, []int{4200}},

	{"Redis", []string{"redis", "redis-stack", "redis-stack-server", "redis-cluster", "redis-sentinel", "rejson", "redismod", "redislabs/redis", "redisearch", "redis-alpine"}, []string{"/bitnami/redis"}, []int{6379, 26379}},
	{"Valkey", []string{"valkey", "valkey-bundle", "valkey-cluster"}, nil, []int{6379}},
	{"KeyDB", []string{"keydb"}, nil, []int{6379}},
	{"Dragonfly", []string{"dragonfly"}, nil, []int{6379}},
	{"Garnet", []string{"garnet"}, nil, []int{6379}},
	{"memcached", []string{"memcached"}, nil, []int{11211}},
	{"Hazelcast", []string{"hazelcast", "hazelcast-enterprise"}, nil, []int{5701}},
	{"Ignite", []string{"ignite"}, nil, []int{10800}},
	{"Aerospike", []string{"aerospike-server", "aerospike"}, nil, []int{3000}},
	{"Tarantool", []string{"tarantool"}, nil, []int{3301}},

	{"RabbitMQ", []string{"rabbitmq", "rabbitmq-cluster"}, []string{"/var/lib/rabbitmq"}, []int{5672, 5671, 15672}},
	{"NATS", []string{"nats", "nats-streaming", "nats-server"}, nil, []int{4222, 8222}},
	{"Kafka", []string{"kafka", "cp-kafka", "cp-server", "kafka-native", "confluent-local", "landoop/fast-data-dev", "redpanda", "kafka-broker"}, []string{"/var/lib/kafka"}, []int{9092, 9093, 9094, 29092}},
	{"ZooKeeper", []string{"zookeeper", "cp-zookeeper"}, nil, []int{2181}},
	{"Pulsar", []string{"pulsar", "pulsar-all"}, nil, []int{6650}},
	{"ActiveMQ", []string{"activemq", "activemq-classic", "activemq-artemis", "artemis"}, nil, []int{61616, 5672}},
	{"beanstalkd", []string{"beanstalkd"}, nil, []int{11300}},
	{"NSQ", []string{"nsq", "nsqd"}, nil, []int{4150}},

	{"MinIO", []string{"minio", "minio/aistor/minio"}, nil, []int{9000, 9001}},
	{"SeaweedFS", []string{"seaweedfs"}, nil, []int{8333, 9333}},
	{"Garage", []string{"dxflrs/garage", "dxflrs/amd64_garage"}, nil, []int{3900}},
	{"Azurite", []string{"azurite", "azure-storage/azurite"}, nil, []int{10000, 10001, 10002}},

	{"etcd", []string{"etcd"}, nil, []int{2379, 2380}},
	{"Consul", []string{"consul"}, []string{"/consul/data"}, []int{8500, 8300}},
	{"Vault", []string{"vault", "openbao"}, []string{"/vault/file", "/vault/data"}, []int{8200}},
	{"OpenLDAP", []string{"openldap", "docker-openldap"}, []string{"/var/lib/ldap"}, []int{389, 636}},
}

// storeOf finds the store that an image is.
func storeOf(image string) (store, bool) {
	repository := Repository(image)
	if repository == "" {
		return store{}, false
	}
	for _, s := range stores {
		if names(s.images, repository) {
			return s, true
		}
	}
	return store{}, false
}

// storeAt finds the store that keeps its data in one of a service's volumes:
// what mounts /var/lib/mysql is a MySQL, whatever built it.
func storeAt(s Service) (found store, folder string, ok bool) {
	for _, v := range s.Volumes {
		if v.ReadOnly {
			continue
		}
		target := strings.TrimSuffix(v.Target, "/")
		for _, known := range stores {
			if slices.ContainsFunc(known.folders, func(f string) bool { return target == f || strings.HasPrefix(target, f+"/") }) {
				return known, target, true
			}
		}
	}
	return store{}, "", false
}

// storePublished finds the store whose port a service publishes: nothing else
// answers at 5432.
func storePublished(s Service) (found store, port int, ok bool) {
	for _, p := range portsOf(s) {
		if p.udp() || slices.Contains(sharedPorts, p.target) {
			continue
		}
		for _, known := range stores {
			if slices.Contains(known.ports, p.target) {
				return known, p.target, true
			}
		}
	}
	return store{}, 0, false
}

// namedStore finds the store that a service without an image of its own is
// named for: a `db` that is built from a folder is one.
func namedStore(s Service) (string, bool) {
	if !s.Build {
		return "", false
	}
	name := strings.ToLower(s.Name)
	for _, known := range stores {
		if name == known.images[0] {
			return known.name, true
		}
	}
	return "", false
}
