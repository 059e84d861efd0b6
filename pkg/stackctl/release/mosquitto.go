package release

import (
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// openListeners are the published ports of a container at which Mosquitto's settings let
// everybody in (mosquitto.conf(5)): anonymous clients are for all listeners, or for one
// where the settings are per listener. Without a word from them nobody is.
func openListeners(conf string, ports []stack.Port) []int {
	perListener, listener := false, 1883
	all, open := false, map[int]bool{}
	for line := range strings.Lines(conf) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		switch words[0] {
		case "per_listener_settings":
			perListener = words[1] == "true"
		case "listener", "port":
			listener, _ = strconv.Atoi(words[1])
		case "allow_anonymous":
			if open[listener] = words[1] == "true"; !perListener {
				all = open[listener]
			}
		}
	}
	var out []int
	for _, p := range ports {
		if target := int(p.Target); (all && !perListener || perListener && open[target]) && !slices.Contains(out, target) {
			out = append(out, target)
		}
	}
	return out
}
