package main

import (
	"context"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Groups of what the projects of test/projects/twelve run: for those that
// `make test` deploys, and for those of `make full`.
const (
	projectsGroup = "projects"
	twelveGroup   = "twelve"
)

// upstream are public images that the projects of test/projects/twelve build on
// or run as they are.
func upstream() []recipe {
	list := []recipe{
		{name: "mongo", ref: "mongo:7", inputs: []string{"mongo.go", "module.go", "mongo/go.mod", "mongo/go.sum", "mongo/tools.go", "files/mongo-entrypoint"}, build: buildMongo},
		{name: "mariadb", ref: "mariadb:10.11", inputs: []string{"mariadb.go", "files/mariadb-entrypoint", "files/mariadb-healthcheck"}, build: buildMariaDB},
		{name: "php", ref: "php:8.2-apache", inputs: []string{"php.go", "files/apache2-foreground"}, build: buildPHP},
		{name: "node", ref: "node:18", inputs: []string{"node.go", "files/node-entrypoint"}, build: buildNode},
		{name: "python", ref: "python:3.11-slim", inputs: []string{"python.go"}, build: buildPython},
		{name: "caddy", ref: "caddy:2", inputs: []string{"caddy.go"}, build: buildCaddy},
		{name: "nginx", ref: "nginx:1.27", inputs: []string{"nginx.go", "files/nginx-entrypoint", "files/nginx.conf"}, build: buildNginx},
	}
	for i := range list {
		list[i].folder, list[i].public = projectFolder, true
		list[i].inputs = append(list[i].inputs, "upstream.go", "debian.go")
		if list[i].group = twelveGroup; list[i].name == "nginx" {
			list[i].group = projectsGroup
		}
	}
	return list
}

// bookworm makes a tree of Debian 12 packages and all that they depend on, and
// the layer of the shell's tools below it.
func (j *job) bookworm(ctx context.Context, packages ...string) (low, all tree, err error) {
	j.progress.say(j.name, "fetching Debian packages")
	d, err := newDebian(ctx, j.work, "bookworm")
	if err != nil {
		return nil, nil, err
	}
	low = newTree()
	tools := append(shell(), "libgmp10")
	if err := d.install(ctx, low, tools...); err != nil {
		return nil, nil, err
	}
	more, err := d.closure(ctx, append(tools, packages...), packages...)
	if err != nil {
		return nil, nil, err
	}
	all = low.clone()
	return low, all, d.install(ctx, all, more...)
}

// unneeded are packages that others depend on for what runs only when packages
// are installed, or a server boots.
var unneeded = strings.Fields("adduser passwd debconf cdebconf init-system-helpers lsb-base sysvinit-utils dpkg install-info ucf sensible-utils libfile-copy-recursive-perl " +
	"login libpam-modules libpam-runtime libpam-modules-bin libdebconfclient0 debianutils iproute2 psmisc lsof rsync socat galera-4 libgcc-s1-dev gawk")

// closure lists packages with all that they depend on, but for those that are there.
func (d *debian) closure(ctx context.Context, there []string, packages ...string) ([]string, error) {
	said, err := command(ctx, d.dir, nil, append(append(append([]string{"apt-get"}, d.conf...), "--simulate", "--no-install-recommends", "install"), packages...)...)
	if err != nil {
		return nil, err
	}
	skip := map[string]bool{}
	for _, p := range append(there, unneeded...) {
		name, _, _ := strings.Cut(p, ":")
		skip[name] = true
	}
	for _, p := range packages {
		delete(skip, p)
	}
	var list []string
	for line := range strings.Lines(string(said)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "Inst" && !skip[words[1]] {
			list = append(list, words[1])
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("apt would install nothing for %s", strings.Join(packages, " "))
	}
	return list, nil
}

// ports are a config's exposed ports.
func ports(list ...string) map[string]struct{} {
	out := map[string]struct{}{}
	for _, p := range list {
		out[p+"/tcp"] = struct{}{}
	}
	return out
}

// debianStandIn are the labels of a stand-in that Debian's package is in.
func (t tree) debianStandIn(pkg, of string) map[string]string {
	return standIn("https://www.debian.org", t.version(pkg), "Debian's "+pkg+" in the place of "+of+".")
}

// assembled finishes an image of Debian packages.
func (j *job) assembled(low, all tree, config v1.Config) (v1.Image, error) {
	if err := all.complete(); err != nil {
		return nil, err
	}
	return assemble(config, low, all.without(low))
}
