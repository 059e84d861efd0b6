package infer_test

import (
	"testing"

	"stackctl/pkg/stackctl/infer"
	"stackctl/pkg/stackctl/stack"
)

// TestStoresAreKnownByTheLastWordOfTheirName holds that a team's own image is a store
// where its services are named for the project, as helpdesk-postgresql is.
func TestStoresAreKnownByTheLastWordOfTheirName(t *testing.T) {
	family := func(name, image string, more ...string) infer.Decision {
		services := []infer.Service{service(name, image)}
		for _, other := range more {
			services = append(services, service(other, "acme/app:1"))
		}
		return infer.Layers(services, "")[name]
	}
	for _, c := range []struct {
		name, image string
		more        []string
		want        stack.Layer
	}{
		{"helpdesk-postgresql", "acme/helpdesk:postgresql-2", []string{"helpdesk-web", "helpdesk-worker"}, "data"},
		{"shop_redis", "acme/shop-cache:3", []string{"shop_web", "shop_jobs"}, "data"},
		{"database", "registry.example/team/shop-postgres:1", nil, "data"},
		{"store", "acme/custom_mongodb", nil, "data"},
		{"helpdesk-postgresql", "acme/helpdesk:postgresql-2", nil, "app"}, // nobody else is named so
		{"backup-postgresql", "acme/tool:1", []string{"backup-mysql", "backup-files"}, "app"},
		{"shop-init-postgres", "acme/shop:1", []string{"shop-web", "shop-jobs"}, "app"},
		{"shop-redis", "redis/redisinsight", []string{"shop-web", "shop-jobs"}, "app"},
		{"wait", "acme/wait-for-postgres", nil, "app"},
		{"copies", "acme/backup-mysql", nil, "app"},
		{"numbers", "acme/exporter-redis", nil, "app"},
	} {
		if d := family(c.name, c.image, c.more...); d.Layer != c.want {
			t.Errorf("%s of %s: %s, since it %s; want %s", c.name, c.image, d.Layer, d.LayerCause, c.want)
		}
	}
}
