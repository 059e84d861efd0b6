package stack

import "regexp"

// asideName is the name of a container that was set aside: what it was called,
// and what became of its restart policy. Docker's names hold no slash or colon,
// so a number of retries follows a hyphen.
var asideName = regexp.MustCompile(`^(.+)\.aside\.(stopped|no|always|unless-stopped|on-failure-\d+)$`)

// AsideStopped is in the place of a restart policy where a container did not run
// when it was set aside.
const AsideStopped = "stopped"

// AsideName returns what a container is called while it is set aside: policy is
// its restart policy ("no", "always", "unless-stopped", "on-failure-3"), or
// AsideStopped. The name is the one memory of both, so that whoever finds the
// container can give it back, whatever happened meanwhile.
func AsideName(name, policy string) string { return name + ".aside." + policy }

// ParseAside returns what AsideName was made of; ok reports whether name is such
// a name.
func ParseAside(name string) (original, policy string, ok bool) {
	m := asideName.FindStringSubmatch(name)
	if m == nil {
		return "", "", false
	}
	return m[1], m[2], true
}

// Aside reports whether the container was set aside when its project was adopted.
func (c Container) Aside() bool {
	_, _, ok := ParseAside(c.Name)
	return ok
}
