package main

import (
	"context"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// buildNginx makes an image with the contract of nginx:1.27 of Debian's nginx.
func buildNginx(ctx context.Context, j *job) (v1.Image, error) {
	low, all, err := j.bookworm(ctx, "nginx")
	if err != nil {
		return nil, err
	}
	all.accounts("nginx", 101)
	settings, err := os.ReadFile(filepath.Join(j.root, "test", "images", "files", "nginx.conf"))
	if err != nil {
		return nil, err
	}
	all.file("etc/nginx/nginx.conf", 0o644, settings)
	all.file("etc/nginx/conf.d/default.conf", 0o644, []byte("server {\n    listen 80;\n    location / {\n        root /usr/share/nginx/html;\n        index index.html;\n    }\n}\n"))
	all.file("usr/share/nginx/html/index.html", 0o644, []byte("<!DOCTYPE html>\n<title>Welcome to nginx!</title>\n"))
	all.dir("docker-entrypoint.d", 0o755, 0)
	all.dir("var/cache/nginx", 0o755, 0)
	all.link("var/log/nginx/access.log", "/dev/stdout")
	all.link("var/log/nginx/error.log", "/dev/stderr")
	if err := j.script(all, "nginx-entrypoint", "docker-entrypoint.sh"); err != nil {
		return nil, err
	}
	return j.assembled(low, all, v1.Config{
		Entrypoint:   []string{"/docker-entrypoint.sh"},
		Cmd:          []string{"nginx", "-g", "daemon off;"},
		Env:          []string{searchPath, "NGINX_VERSION=1.27"},
		StopSignal:   "SIGQUIT",
		ExposedPorts: ports("80"),
		Labels:       all.debianStandIn("nginx", "nginx:1.27"),
	})
}
