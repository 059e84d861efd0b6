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
	copying
}

// copying is how a backup gets at what a store keeps. A store without any is
// copied as its files are.
type copying struct {
	// dump is the kind of the dump of those images whose settings are known:
	// dumped. Where a team builds its own, backup.places says so.
	dump   string
	dumped []string
	// paused are images that write to their folder at any time and have no dump
	// that is known here: their folder is copied while they are paused. Such a
	// copy is what a loss of power leaves, from which they come up by their
	// journal (of MongoDB: docs, "Back Up and Restore with Filesystem Snapshots").
	paused []string
}

// alsoPaused are images that write at any time and are no store of an application.
var alsoPaused = []string{"prometheus"}

// Dump is the kind of dump that an image's data have, such as postgresql; ""
// where none is known.
func Dump(image string) string {
	for _, s := range stores {
		if names(s.dumped, Repository(image)) {
			return s.dump
		}
	}
	return ""
}

// Paused reports whether an image's folder is copied while its containers are
// paused.
func Paused(image string) bool {
	repository := Repository(image)
	return names(alsoPaused, repository) || slices.ContainsFunc(stores, func(s store) bool { return names(s.paused, repository) })
}

// stores are the known ones, by kind: databases with tables, with documents,
// for search, for time series and vectors; caches; queues; objects; registries
// of keys.
var stores = []store{
	{"PostgreSQL", []string{"postgres", "postgresql", "postgis", "timescaledb", "timescaledb-ha", "pgvector", "pgvecto-rs", "vchord-postgres", "vectorchord", "postgresql-repmgr", "citus", "spilo", "postgres-ha", "crunchy-postgres", "pgmq", "pgautoupgrade", "paradedb"},
		[]string{"/var/lib/postgresql", "/bitnami/postgresql"}, []int{5432, 6432, 6543},
		copying{dump: "postgresql", dumped: []string{"postgres", "postgresql", "postgis", "pgvector", "pgvecto-rs", "timescaledb", "timescaledb-ha", "pgautoupgrade", "paradedb"}}},
	{"MySQL", []string{"mysql", "mysql-server", "mysql/community-server", "mysql-cluster", "mysql-5.7", "mysql-8.0"}, []string{"/var/lib/mysql", "/bitnami/mysql"}, []int{3306, 33060}, copying{dump: "mysql", dumped: []string{"mysql", "mysql-server"}}},
	{"MariaDB", []string{"mariadb", "mariadb-galera", "mariadb/server", "yobasystems/alpine-mariadb"}, []string{"/bitnami/mariadb"}, []int{3306}, copying{dump: "mysql", dumped: []string{"mariadb"}}},
	{"Percona", []string{"percona", "percona-server", "percona-xtradb-cluster", "percona-server-mongodb"}, nil, []int{3306}, copying{dump: "mysql", dumped: []string{"percona", "percona-server"}, paused: []string{"percona-server-mongodb"}}},
	{"Microsoft SQL Server", []string{"mssql/server", "mssql-server-linux", "azure-sql-edge"}, []string{"/var/opt/mssql"}, []int{1433}, copying{}},
	{"Oracle Database", []string{"oracle-xe", "oracle-free", "database/express", "database/free", "database/enterprise", "oracle-xe-11g"}, []string{"/opt/oracle/oradata"}, []int{1521}, copying{}},
	{"Db2", []string{"db2", "db2_community/db2"}, nil, []int{50000}, copying{}},
	{"Firebird", []string{"firebird", "firebirdsql"}, []string{"/firebird/data"}, []int{3050}, copying{}},
	{"CockroachDB", []string{"cockroach", "cockroachdb"}, []string{"/cockroach/cockroach-data"}, []int{26257}, copying{}},
	{"YugabyteDB", []string{"yugabyte"}, nil, []int{5433}, copying{}},
	{"TiDB", []string{"tidb", "tikv", "pingcap/pd"}, nil, []int{4000}, copying{}},

	{"MongoDB", []string{"mongo", "mongodb", "mongodb-community-server", "mongodb-enterprise-server", "mongodb-atlas-local", "mongodb-sharded", "rpi-mongodb3"}, []string{"/data/db", "/bitnami/mongodb"}, []int{27017, 27018, 27019}, copying{paused: []string{"mongo", "mongodb", "mongodb-community-server"}}},
	{"FerretDB", []string{"ferretdb", "ferretdb/all-in-one"}, nil, []int{27017}, copying{}},
	{"CouchDB", []string{"couchdb"}, []string{"/opt/couchdb/data"}, []int{5984}, copying{paused: []string{"couchdb"}}},
	{"Couchbase", []string{"couchbase", "couchbase/server"}, []string{"/opt/couchbase/var"}, []int{8091, 11210}, copying{}},
	{"Cassandra", []string{"cassandra"}, []string{"/var/lib/cassandra"}, []int{9042, 7000}, copying{paused: []string{"cassandra"}}},
	{"ScyllaDB", []string{"scylla"}, []string{"/var/lib/scylla"}, []int{9042}, copying{}},
	{"RethinkDB", []string{"rethinkdb"}, nil, []int{28015}, copying{}},
	{"RavenDB", []string{"ravendb"}, nil, []int{38888}, copying{}},
	{"ArangoDB", []string{"arangodb", "arangodb/enterprise"}, []string{"/var/lib/arangodb3"}, []int{8529}, copying{}},
	{"Neo4j", []string{"neo4j"}, nil, []int{7687, 7474}, copying{paused: []string{"neo4j"}}},
	{"Dgraph", []string{"dgraph", "dgraph/standalone"}, []string{"/dgraph"}, []int{5080, 9080}, copying{}},
	{"OrientDB", []string{"orientdb"}, nil, []int{2424}, copying{}},
	{"SurrealDB", []string{"surrealdb"}, nil, nil, copying{}},
	{"EventStoreDB", []string{"eventstore", "kurrentdb"}, nil, []int{2113, 1113}, copying{}},
	{"immudb", []string{"immudb"}, nil, []int{3322}, copying{}},
	{"DynamoDB", []string{"dynamodb-local"}, nil, nil, copying{}},

	{"Elasticsearch", []string{"elasticsearch", "elasticsearch-oss"}, []string{"/usr/share/elasticsearch/data"}, []int{9200, 9300}, copying{paused: []string{"elasticsearch"}}},
	{"OpenSearch", []string{"opensearch", "graylog-datanode", "wazuh-indexer"}, []string{"/usr/share/opensearch/data"}, []int{9200, 9300, 9600}, copying{paused: []string{"opensearch"}}},
	{"Solr", []string{"solr"}, []string{"/var/solr"}, []int{8983}, copying{}},
	{"Meilisearch", []string{"meilisearch"}, []string{"/meili_data", "/data.ms"}, []int{7700}, copying{paused: []string{"meilisearch"}}},
	{"Typesense", []string{"typesense"}, nil, []int{8108}, copying{paused: []string{"typesense"}}},
	{"Manticore Search", []string{"manticore", "sphinxsearch"}, []string{"/var/lib/manticore"}, []int{9306}, copying{}},
	{"Sonic", []string{"valeriansaliou/sonic"}, nil, []int{1491}, copying{}},
	{"Qdrant", []string{"qdrant"}, []string{"/qdrant/storage"}, []int{6333, 6334}, copying{paused: []string{"qdrant"}}},
	{"Weaviate", []string{"weaviate"}, nil, []int{50051}, copying{paused: []string{"weaviate"}}},
	{"Milvus", []string{"milvus"}, []string{"/var/lib/milvus"}, []int{19530}, copying{}},
	{"Chroma", []string{"chroma", "chromadb"}, nil, nil, copying{}},

	{"ClickHouse", []string{"clickhouse", "clickhouse-server", "clickhouse-keeper"}, []string{"/var/lib/clickhouse"}, []int{8123, 9000, 9009}, copying{paused: []string{"clickhouse", "clickhouse-server"}}},
	{"InfluxDB", []string{"influxdb", "influxdb3-core"}, []string{"/var/lib/influxdb", "/var/lib/influxdb2"}, []int{8086}, copying{paused: []string{"influxdb"}}},
	{"QuestDB", []string{"questdb"}, nil, []int{8812, 9009}, copying{}},
	{"VictoriaMetrics", []string{"victoria-metrics", "victoria-logs", "vmstorage"}, nil, []int{8428, 9428}, copying{paused: []string{"victoria-metrics"}}},
	{"CrateDB", []string{"crate"}, nil, []int{4200}, copying{}},

	{"Redis", []string{"redis", "redis-stack", "redis-stack-server", "redis-cluster", "redis-sentinel", "rejson", "redismod", "redislabs/redis", "redisearch", "redis-alpine"}, []string{"/bitnami/redis"}, []int{6379, 26379}, copying{dump: "redis", dumped: []string{"redis", "redis-stack", "redis-stack-server"}}},
	{"Valkey", []string{"valkey", "valkey-bundle", "valkey-cluster"}, nil, []int{6379}, copying{dump: "redis", dumped: []string{"valkey"}}},
	{"KeyDB", []string{"keydb"}, nil, []int{6379}, copying{dump: "redis", dumped: []string{"keydb"}}},
	{"Dragonfly", []string{"dragonfly"}, nil, []int{6379}, copying{}},
	{"Garnet", []string{"garnet"}, nil, []int{6379}, copying{}},
	{"memcached", []string{"memcached"}, nil, []int{11211}, copying{}},
	{"Hazelcast", []string{"hazelcast", "hazelcast-enterprise"}, nil, []int{5701}, copying{}},
	{"Ignite", []string{"ignite"}, nil, []int{10800}, copying{}},
	{"Aerospike", []string{"aerospike-server", "aerospike"}, nil, []int{3000}, copying{}},
	{"Tarantool", []string{"tarantool"}, nil, []int{3301}, copying{}},

	{"RabbitMQ", []string{"rabbitmq", "rabbitmq-cluster"}, []string{"/var/lib/rabbitmq"}, []int{5672, 5671, 15672}, copying{paused: []string{"rabbitmq"}}},
	{"NATS", []string{"nats", "nats-streaming", "nats-server"}, nil, []int{4222, 8222}, copying{paused: []string{"nats"}}},
	{"Kafka", []string{"kafka", "cp-kafka", "cp-server", "kafka-native", "confluent-local", "landoop/fast-data-dev", "redpanda", "kafka-broker"}, []string{"/var/lib/kafka"}, []int{9092, 9093, 9094, 29092}, copying{paused: []string{"kafka"}}},
	{"ZooKeeper", []string{"zookeeper", "cp-zookeeper"}, nil, []int{2181}, copying{paused: []string{"zookeeper"}}},
	{"Pulsar", []string{"pulsar", "pulsar-all"}, nil, []int{6650}, copying{}},
	{"ActiveMQ", []string{"activemq", "activemq-classic", "activemq-artemis", "artemis"}, nil, []int{61616, 5672}, copying{}},
	{"beanstalkd", []string{"beanstalkd"}, nil, []int{11300}, copying{}},
	{"NSQ", []string{"nsq", "nsqd"}, nil, []int{4150}, copying{}},

	{"MinIO", []string{"minio", "minio/aistor/minio"}, nil, []int{9000, 9001}, copying{paused: []string{"minio"}}},
	{"SeaweedFS", []string{"seaweedfs"}, nil, []int{8333, 9333}, copying{}},
	{"Garage", []string{"dxflrs/garage", "dxflrs/amd64_garage"}, nil, []int{3900}, copying{}},
	{"Azurite", []string{"azurite", "azure-storage/azurite"}, nil, []int{10000, 10001, 10002}, copying{}},

	{"etcd", []string{"etcd"}, nil, []int{2379, 2380}, copying{paused: []string{"etcd"}}},
	{"Consul", []string{"consul"}, []string{"/consul/data"}, []int{8500, 8300}, copying{paused: []string{"consul"}}},
	{"Vault", []string{"vault", "openbao"}, []string{"/vault/file", "/vault/data"}, []int{8200}, copying{}},
	{"OpenLDAP", []string{"openldap", "docker-openldap"}, []string{"/var/lib/ldap"}, []int{389, 636}, copying{}},
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
