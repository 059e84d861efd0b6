package edge

import "stackctl/pkg/stackctl/stack"

// anotherReplica tries the connection again where a visitor's replica takes none,
// until that one counts as away (see stick) and another one answers. No request is
// sent twice (see holding).
var anotherReplica = object{"retry": object{"attempts": 10, "initialInterval": "20ms"}}

// stick lets the edge send a visitor to the same replica each time.
func stick(balancer object, name string) {
	balancer["sticky"] = object{"cookie": object{"name": stack.StickyCookie + name, "secure": true, "httpOnly": true, "sameSite": "lax"}}
}

// spread makes the replicas of a service servers of their own. One that failed five
// times within a second, and did nothing well between, gets no visitor for a second.
func spread(balancer object, r stack.RouteSpec, replicas int) {
	servers := make([]object, replicas)
	for i := range servers {
		servers[i] = server(r, stack.Replica(r.Service, i+1))
	}
	balancer["servers"] = servers
	balancer["passiveHealthCheck"] = object{"maxFailedAttempts": 5, "failureWindow": "1s"}
}
