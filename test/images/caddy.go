package main

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// buildCaddy makes an image with the contract of caddy:2 of Debian's Caddy.
func buildCaddy(ctx context.Context, j *job) (v1.Image, error) {
	low, all, err := j.bookworm(ctx, "caddy", "ca-certificates")
	if err != nil {
		return nil, err
	}
	all.accounts("caddy", 998)
	all.file("etc/ssl/certs/ca-certificates.crt", 0o644, rootCertificates())
	all.file("etc/caddy/Caddyfile", 0o644, []byte(":80 {\n\troot * /usr/share/caddy\n\tfile_server\n}\n"))
	for _, d := range []string{"config/caddy", "data/caddy", "srv"} {
		all.dir(d, 0o755, 0)
	}
	return j.assembled(low, all, v1.Config{
		Cmd:          []string{"caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"},
		Env:          []string{searchPath, "XDG_CONFIG_HOME=/config", "XDG_DATA_HOME=/data"},
		WorkingDir:   "/srv",
		ExposedPorts: ports("80", "443", "2019"),
		Labels:       all.debianStandIn("caddy", "caddy:2"),
	})
}
