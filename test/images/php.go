package main

import (
	"context"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// apacheModules are those that Debian and the official image turn on.
const apacheModules = "access_compat alias auth_basic authn_core authn_file authz_core authz_host authz_user autoindex deflate dir env filter mime mpm_prefork negotiation php8.2 reqtimeout rewrite setenvif status"

// buildPHP makes an image with the contract of php:8.2-apache, and the
// extensions that projects would add with docker-php-ext-install.
func buildPHP(ctx context.Context, j *job) (v1.Image, error) {
	low, all, err := j.bookworm(ctx, "apache2", "libapache2-mod-php8.2", "php8.2-cli", "php8.2-mysql")
	if err != nil {
		return nil, err
	}
	all.accounts("www-data", 33)
	// What the packages' scripts would turn on.
	for m := range strings.FieldsSeq(apacheModules) {
		for _, kind := range []string{"load", "conf"} {
			if _, ok := all[fmt.Sprintf("etc/apache2/mods-available/%s.%s", m, kind)]; ok {
				all.link(fmt.Sprintf("etc/apache2/mods-enabled/%s.%s", m, kind), fmt.Sprintf("../mods-available/%s.%s", m, kind))
			}
		}
	}
	all.link("etc/apache2/sites-enabled/000-default.conf", "../sites-available/000-default.conf")
	// conf-enabled is empty without the packages' scripts.
	all.file("etc/apache2/conf-enabled/docker-php.conf", 0o644, []byte("ServerTokens Prod\nServerName localhost\nDirectoryIndex index.php index.html\n<Directory /var/www/>\n\tOptions -Indexes\n\tAllowOverride All\n</Directory>\n"))
	all.file("etc/php/8.2/php.ini", 0o644, nil)
	for _, part := range []string{"apache2", "cli"} {
		all.file("etc/php/8.2/"+part+"/php.ini", 0o644, []byte("display_errors = Off\nlog_errors = On\n"))
		for _, extension := range []string{"10-mysqlnd", "10-pdo", "20-mysqli", "20-pdo_mysql"} {
			_, name, _ := strings.Cut(extension, "-")
			all.file("etc/php/8.2/"+part+"/conf.d/"+extension+".ini", 0o644, []byte("extension="+name+".so\n"))
		}
	}
	all.link("usr/local/bin/php", "/usr/bin/php8.2")
	all.link("var/log/apache2/access.log", "/dev/stdout")
	all.link("var/log/apache2/other_vhosts_access.log", "/dev/stdout")
	all.link("var/log/apache2/error.log", "/dev/stderr")
	all.dir("var/www/html", 0o1777, 33)
	if err := j.script(all, "apache2-foreground", "usr/local/bin/apache2-foreground"); err != nil {
		return nil, err
	}
	return j.assembled(low, all, v1.Config{
		Cmd:          []string{"apache2-foreground"},
		Env:          []string{searchPath, "PHP_VERSION=8.2", "APACHE_CONFDIR=/etc/apache2", "APACHE_ENVVARS=/etc/apache2/envvars"},
		WorkingDir:   "/var/www/html",
		StopSignal:   "SIGWINCH",
		ExposedPorts: ports("80"),
		Labels:       all.debianStandIn("libapache2-mod-php8.2", "php:8.2-apache"),
	})
}
