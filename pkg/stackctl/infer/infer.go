// Package infer owns what a compose file does not say and can be known all the
// same: which services are stores, which run once, which published ports are
// HTTP, which service gets the domain, which proxies the edge replaces. Every
// decision carries its reason. It is pure and must not know of files, servers
// or settings: who asks brings the services, and what people said about them.
package infer

import (
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// Service is one service of a compose file, as far as decisions need it.
type Service struct {
	stack.Service
	// Said is the layer that x-stackctl names; empty: none.
	Said stack.Layer
	// SaidOnce reports whether x-stackctl has run: once.
	SaidOnce bool
	// NotRestarted reports whether the file writes out that nothing restarts it:
	// `restart: "no"`, or a restart policy with `condition: none`.
	NotRestarted bool
	// Merged are the services that are made of this one, by a YAML anchor or by
	// extends.
	Merged []string
	// Ranges are the ranges of ports of containers that the files write, of any
	// service: 30000-30009.
	Ranges []string
	// Open are the ports of the container at which its settings let everybody in.
	Open []int
	// Expose are the ports under `expose:`.
	Expose []string

	// Routed reports that a route of stackctl.yaml or of --route leads to it.
	Routed bool
	// LeadsByFiles reports that it is a Traefik, built with files of which a router
	// leads to a service of the project; OtherRouters are those that do not, or that
	// are for other ports than a site's.
	LeadsByFiles bool
	OtherRouters int
	// Caddyfile is the text of the one that is mounted, or built into its image;
	// empty: none is.
	Caddyfile string

	// unsecured reports that it shows what a store holds that asks nobody.
	unsecured bool
}

// Decision is what a service is, and why.
type Decision struct {
	Layer stack.Layer
	// LayerCause is why it has its layer: "PostgreSQL keeps data".
	LayerCause string
	OneShot    bool
	// OneShotCause is why it runs once; empty where it does not.
	OneShotCause string
}

// Repository is an image reference without registry, tag and digest, in lower
// case: docker.elastic.co/elasticsearch/elasticsearch:8.1@sha256:… is
// elasticsearch/elasticsearch.
func Repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if slash := strings.LastIndex(image, "/"); strings.LastIndex(image, ":") > slash {
		image = image[:strings.LastIndex(image, ":")]
	}
	first, rest, many := strings.Cut(image, "/")
	if many && (strings.ContainsAny(first, ".:") || first == "localhost") {
		image = rest
	}
	return strings.TrimPrefix(strings.ToLower(image), "library/")
}

// names reports whether a list of image names holds a repository. A name with
// a slash is a whole repository or its end; one without is the last part of
// it, whoever publishes it: redis stands for redis, bitnami/redis and
// ghcr.io/company/redis.
func names(list []string, repository string) bool {
	for _, name := range list {
		if repository == name || strings.HasSuffix(repository, "/"+name) {
			return true
		}
	}
	return false
}
