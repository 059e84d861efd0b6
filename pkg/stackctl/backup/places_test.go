package backup

import (
	"fmt"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func volume(source, target string) stack.Mount {
	return stack.Mount{Type: "volume", Source: source, Target: target}
}

func bind(source, target string) stack.Mount {
	return stack.Mount{Type: "bind", Source: source, Target: target}
}

func placesText(t *testing.T, c stack.Backup, services ...stack.Service) string {
	t.Helper()
	places, err := Places(c, "stackctl.yaml", "/srv/shop", services)
	if err != nil {
		return err.Error()
	}
	var out []string
	for _, p := range places {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s: %s of %s%s %s (%s)", p.Name, p.Kind, p.Service, p.Target, p.While, p.Reason)))
	}
	return strings.Join(out, "\n")
}

func TestPlacesAreDecidedByWhatServicesRunAndWriteTo(t *testing.T) {
	db := stack.Service{Name: "db", Image: "docker.io/library/postgres:16@sha256:00", Volumes: []stack.Mount{volume("pg", "/var/lib/postgresql/data")}}
	app := stack.Service{Name: "app", Image: "shop/app:1", Volumes: []stack.Mount{volume("uploads", "/app/uploads")}}
	readOnly := bind("/srv/shop/data/theme", "/theme")
	readOnly.ReadOnly = true
	cases := map[string]struct {
		config   stack.Backup
		services []stack.Service
		want     string
	}{
		"a database is dumped, its volume is not copied": {services: []stack.Service{db, app}, want: `
db: postgresql of db  (image docker.io/library/postgres:16@sha256:00 is known: pg_dump)
uploads: files of app/app/uploads  (service app writes to it at /app/uploads)`},
		"stores by other names": {services: []stack.Service{{Name: "a", Image: "bitnami/mariadb:11"}, {Name: "b", Image: "registry:5000/mongo", Volumes: []stack.Mount{volume("m", "/data/db")}}, {Name: "c", Image: "valkey/valkey:8", Volumes: []stack.Mount{volume("v", "/data")}}, {Name: "d", Image: "redis:7"}}, want: `
a: mysql of a  (image bitnami/mariadb:11 is known: mysqldump in one transaction)
c: redis of c  (image valkey/valkey:8 is known: its own snapshot)
d: none of d  (it has no volume: it keeps nothing)
m: files of b/data/db paused (mongo writes to it at any time: it is paused for a moment)`},
		"what nobody writes to, what is the host's, what a release brought": {services: []stack.Service{{Name: "app", Image: "a", Volumes: []stack.Mount{
			readOnly, bind("/var/run/docker.sock", "/x"), bind("/etc/localtime", "/etc/localtime"), bind("/srv/shop/files/ab/conf", "/conf"), bind("/srv/shop/releases/ab/conf", "/c"), {Type: "tmpfs", Target: "/tmp"}, volume("", "/cache")}}},
			want: `app-cache: none of app/cache  (a volume without a name goes with its container)`},
		"folders with one name, one of two services": {services: []stack.Service{{Name: "a", Image: "a", Volumes: []stack.Mount{bind("/srv/shop/data/a/up", "/up"), bind("/srv/shop/data/b/up", "/up2")}}, {Name: "b", Image: "b", Volumes: []stack.Mount{bind("/srv/shop/data/a/up", "/x")}}}, want: `
srv-shop-data-b-up: files of a/up2  (service a writes to it at /up2)
up: files of a/up  (service a writes to it at /up)`},
		"a store without a dump is paused": {services: []stack.Service{{Name: "mq", Image: "rabbitmq:4", Volumes: []stack.Mount{volume("mq", "/var/lib/rabbitmq")}}},
			want: `mq: files of mq/var/lib/rabbitmq paused (rabbitmq writes to it at any time: it is paused for a moment)`},
		"certificates": {services: []stack.Service{{Name: "traefik", Image: "traefik:3", Layer: stack.LayerEdge, Volumes: []stack.Mount{volume("acme", "/acme")}}},
			want: `acme: none of traefik/acme  (the edge keeps certificates there, which are fetched again)`},
		"backup.service alone is backed up": {config: stack.Backup{Service: "db"}, services: []stack.Service{db, app}, want: `
db: postgresql of db  (backup.service names it: pg_dump)
uploads: none of app/app/uploads  (backup.service names another one; backup.places adds it)`},
		"and what backup.places adds": {config: stack.Backup{Service: "db", Places: []stack.BackupPlace{{Name: "uploads", While: "stopped"}}}, services: []stack.Service{db, app}, want: `
db: postgresql of db  (backup.service names it: pg_dump)
uploads: files of app/app/uploads stopped (service app writes to it at /app/uploads)`},
		"a team's own image": {config: stack.Backup{Places: []stack.BackupPlace{{Name: "store", As: "mysql"}}}, services: []stack.Service{{Name: "store", Image: "shop/db", Volumes: []stack.Mount{volume("d", "/d")}}},
			want: `store: mysql of store  (backup.places says so)`},
		"left out": {config: stack.Backup{Places: []stack.BackupPlace{{Name: "uploads", As: "none"}}}, services: []stack.Service{app},
			want: `uploads: none of app/app/uploads  (backup.places says so)`},
		"a store's files": {config: stack.Backup{Places: []stack.BackupPlace{{Name: "db", As: "files"}, {Name: "pg", While: "stopped"}}}, services: []stack.Service{db},
			want: `stackctl.yaml: backup.places names "db", which is no service, volume or folder of the compose files; name one of pg`},
		"its volume instead": {config: stack.Backup{Places: []stack.BackupPlace{{Name: "pg", As: "files", While: "stopped"}}}, services: []stack.Service{db}, want: `
pg: files of db/var/lib/postgresql/data stopped (backup.places says so)`},
	}
	for name, c := range cases {
		if got := placesText(t, c.config, c.services...); got != strings.TrimSpace(c.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, strings.TrimSpace(c.want))
		}
	}
}
