package stack

// Upstream is the network alias of a service of one release. The edge's
// upstreams use it, because a plain service name would mean every release.
func Upstream(service, id string) string { return hostLabel(service, "-"+id) }

// MostLabel is how long a label of a host name may be (RFC 1035, section 2.3.4).
const MostLabel = 63

// hostLabel is a service's name with an end. Of one that is too long for a host name a
// part of its hash stands for its last letters.
func hostLabel(service, end string) string {
	if len(service)+len(end) > MostLabel {
		mark := "-" + Sum([]byte(service))[:8]
		service = service[:MostLabel-len(end)-len(mark)] + mark
	}
	return service + end
}

// LastingUpstream is the network alias of a service that never runs beside its
// successor. It is the same for every release: the edge reaches the successor
// as soon as that listens, and need not be switched first.
func LastingUpstream(project, service string) string {
	return hostLabel(service, "-live-"+Sum([]byte(project))[:12])
}
