package main

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// buildMariaDB makes an image with the contract of mariadb:10.11.
func buildMariaDB(ctx context.Context, j *job) (v1.Image, error) {
	low, all, err := j.bookworm(ctx, "mariadb-server")
	if err != nil {
		return nil, err
	}
	all.accounts("mysql", 999)
	all.file("etc/mysql/my.cnf", 0o644, []byte("[client-server]\nsocket = /run/mysqld/mysqld.sock\n!includedir /etc/mysql/conf.d/\n"))
	all.file("etc/mysql/conf.d/docker.cnf", 0o644, []byte("[mariadbd]\nskip-host-cache\nskip-name-resolve\ndatadir = /var/lib/mysql\npid-file = /run/mysqld/mysqld.pid\n"))
	all.dir("run/mysqld", 0o777, 999)
	all.dir("var/lib/mysql", 0o755, 999)
	all.dir("docker-entrypoint-initdb.d", 0o755, 0)
	if err := j.script(all, "mariadb-entrypoint", "usr/local/bin/docker-entrypoint.sh"); err != nil {
		return nil, err
	}
	if err := j.script(all, "mariadb-healthcheck", "usr/local/bin/healthcheck.sh"); err != nil {
		return nil, err
	}
	return j.assembled(low, all, v1.Config{
		Entrypoint:   []string{"docker-entrypoint.sh"},
		Cmd:          []string{"mariadbd"},
		Env:          []string{searchPath, "LANG=C.UTF-8", "MARIADB_VERSION=10.11"},
		Volumes:      map[string]struct{}{"/var/lib/mysql": {}},
		ExposedPorts: ports("3306"),
		Labels:       all.debianStandIn("mariadb-server", "mariadb:10.11"),
	})
}
