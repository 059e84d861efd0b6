package edge

import "stackctl/pkg/stackctl/stack"

// anotherReplica tries the connection again, with another replica, where one takes none.
// Replicas on a node that is gone cost heldDial each, and no request is lost as long as one
// takes connections: of two, one in a million visitors meets the other twenty times. No
// request is sent twice (see holding).
var anotherReplica = object{"retry": object{"attempts": 20, "initialInterval": "20ms"}}

// stick lets the edge send a visitor to the same replica each time.
func stick(balancer object, name string) {
	balancer["sticky"] = object{"cookie": object{"name": stack.StickyCookie + name, "secure": true, "httpOnly": true, "sameSite": "lax"}}
}

// spread makes the replicas of a service servers of their own. Where visitors keep to one of them
// it gets nobody for a second once it failed five times within a second, and did nothing well
// between: else theirs would be tried twenty times. No other is judged: where all are busy at
// once, or one page fails often, all would be out, and everybody told that there is no server.
func spread(balancer object, r stack.RouteSpec, replicas int) {
	servers := make([]object, replicas)
	for i := range servers {
		servers[i] = server(r, stack.Replica(r.Service, i+1))
	}
	balancer["servers"] = servers
	if r.Sticky {
		balancer["passiveHealthCheck"] = object{"maxFailedAttempts": 5, "failureWindow": "1s"}
	}
}
