package swarm

import (
	"testing"

	"github.com/moby/moby/api/types/swarm"
)

// A move that ends says of no other project's store that it is filled.
func TestAMoveEndsForItsOwnServicesAlone(t *testing.T) {
	service := func(name, from string) swarm.Service {
		s := swarm.Service{ID: name, Spec: swarm.ServiceSpec{Annotations: swarm.Annotations{Name: name, Labels: map[string]string{}}}}
		if from != "" {
			s.Spec.Labels[labelFrom] = from
		}
		return s
	}
	c := &Cluster{left: []swarm.Service{service("shop-db-1", ""), service("shop-cache-1", "")}}
	got := c.moved([]swarm.Service{service("shop-db-1", "node1"), service("shop-cache-1", ""), service("shop-eu-db-1", "node1"), service("blog-db-1", "node2")})
	if len(got) != 1 || got[0].ID != "shop-db-1" {
		t.Errorf("it ends for %v", got)
	}
}
