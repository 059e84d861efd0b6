package compose

import (
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestDatabasesKeepTheirDataWhereTheirImagesDo(t *testing.T) {
	for image, want := range map[string]string{
		"postgres:16":               "/var/lib/postgresql/data",
		"postgis/postgis:16-3.4":    "/var/lib/postgresql/data",
		"mysql:8.0":                 "/var/lib/mysql",
		"docker.io/library/mariadb": "/var/lib/mysql",
		"mongo":                     "/data/db",
		"couchdb:3.5.1":             "/opt/couchdb/data",
		"bitnami/postgresql:16":     "",
		"bitnami/mongodb:7":         "",
		"redis:7":                   "", // starts empty
		"acme/shop:1":               "",
	} {
		if got := keptAt(stack.Service{Image: image, Layer: stack.LayerData}); got != want {
			t.Errorf("%s: %q, want %q", image, got, want)
		}
	}
	if got := keptAt(stack.Service{Image: "postgres:16", Layer: stack.LayerData, Environment: map[string]string{"PGDATA": "/data/pg"}}); got != "/data/pg" {
		t.Errorf("with PGDATA: %q", got)
	}
	if got := keptAt(stack.Service{Image: "postgres:16", Layer: stack.LayerApp}); got != "" {
		t.Errorf("one that changes with every release: %q", got)
	}
}
