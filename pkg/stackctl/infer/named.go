package infer

import (
	"path"
	"slices"
	"strings"
)

// plainNames are names that nobody gives to anything but the store.
var plainNames = []string{"postgres", "postgresql", "mysql", "mariadb", "mongo", "mongodb", "redis", "valkey", "elasticsearch", "opensearch", "rabbitmq", "kafka", "zookeeper", "clickhouse", "cassandra", "memcached"}

// doers are words before the name of a store in the names of what only works with one.
var doers = slices.Concat([]string{"backup", "dump", "restore", "wait", "for", "to", "from", "exporter", "export", "import", "sync", "connect", "consumer", "producer", "client", "proxy", "admin", "test", "check", "monitor"}, onceWords)

// namedStore finds the store that a service of an image that nobody knows is
// named for: a `db` that is built from a folder is one, a `redis` with the image of a
// company, and what the project or the company calls shop-redis.
func namedStore(s Service, services []Service) (string, bool) {
	name := strings.ToLower(s.Name)
	if names(tools, Repository(s.Image)) {
		return "", false
	}
	if s.Build || slices.Contains(plainNames, name) {
		for _, known := range stores {
			if name == known.images[0] || slices.Contains(plainNames, name) && slices.Contains(known.images, name) {
				return known.name, true
			}
		}
	}
	for _, text := range []string{familyName(name, services), path.Base(Repository(s.Image))} {
		if known, ok := lastWord(text); ok && !client(s) {
			return known, true
		}
	}
	return "", false
}

// familyName is a service's name where two others begin with the same word; empty:
// it is named for itself.
func familyName(name string, services []Service) string {
	first, others := words(name), 0
	for _, o := range services {
		if other := words(o.Name); strings.ToLower(o.Name) != name && len(first) > 0 && len(other) > 0 && other[0] == first[0] {
			others++
		}
	}
	if others < 2 {
		return ""
	}
	return name
}

// lastWord finds the store that a name of several words ends with, where nothing in
// it says what is done with one: shop-redis is a store, wait-for-redis is none.
func lastWord(name string) (string, bool) {
	all := words(name)
	if len(all) < 2 || !slices.Contains(plainNames, all[len(all)-1]) || slices.ContainsFunc(all, func(w string) bool { return slices.Contains(doers, w) }) {
		return "", false
	}
	for _, known := range stores {
		if slices.Contains(known.images, all[len(all)-1]) {
			return known.name, true
		}
	}
	return "", false
}
