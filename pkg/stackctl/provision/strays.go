package provision

import (
	"fmt"
	"strings"
)

// endStray ends a container's processes, unless the engine knows it after all.
const endStray = `for id; do
  ! docker inspect --type container "$id" >/dev/null 2>&1 || continue
  for group in $(grep -lsE "docker[-/]$id" /proc/[0-9]*/cgroup); do
    process=${group#/proc/}
    kill -KILL "${process%/cgroup}" || true
  done
done`

// planStrays ends containers that run though the engine has lost sight of them,
// as it does where it is stopped in the middle of starting one: new containers
// get their addresses.
func planStrays(f Facts, _ Settings) *Change {
	var ids, names []string
	for _, s := range f.Strays {
		if id, name, ok := strings.Cut(s, " "); ok {
			ids = append(ids, id)
			names = append(names, fmt.Sprintf("%.12s (%s)", id, name))
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return change("end what runs as "+strings.Join(names, ", "), []string{"the engine has lost sight of it"}, Action{Run: shell(endStray, ids...)})
}
