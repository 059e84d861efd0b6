package engine

import (
	"fmt"
	"strings"
	"testing"
)

// The names by which services of a release reach each other lead to that
// release, though the one before it is on the same network: as release freezes them.
func TestAPlainNameLeadsToTheOwnReleaseBesideAnother(t *testing.T) {
	base := newWorld(t)
	shared := base.project + "_app"
	base.up(append(file(service{"db", "image: " + imageA + "\ncommand: [sleep]\nnetworks: [app]"}), []byte("networks: {app: {name: "+shared+"}}\n")...))
	releases := map[string]*world{"one": newWorld(t), "two": newWorld(t)}
	for id, w := range releases {
		w.up(append(file(
			healthy("api", imageA, "scale: 2\nnetworks: {app: {aliases: [api-"+id+"]}}\nexternal_links: [\"api-"+id+":api\"]"),
			healthy("web", imageA, "networks: {app: {aliases: [web-"+id+"]}}\nexternal_links: [\"api-"+id+":api\", \"gone-"+id+":gone\"]"),
		), []byte("networks: {app: {name: "+shared+", external: true}}\n")...))
	}
	ask := func(container, name string) string {
		t.Helper()
		out, err := base.Exec(base.ctx, container, "/app", "resolve", name)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out.Stdout))
	}
	for id, w := range releases {
		ids := w.ids()
		plain, own := ask(ids["web"], "api"), ask(ids["web"], "api-"+id)
		if len(strings.Fields(plain)) != 3 || inOrder(plain) != inOrder(own) {
			t.Errorf("in %s api leads to %s, and its two containers are at %s", id, plain, own)
		}
		if gone := ask(ids["web"], "gone"); !strings.Contains(gone, "no such host") && !strings.Contains(gone, "server misbehaving") {
			t.Errorf("a service that does not run leads to %s", gone)
		}
		if db := ask(ids["web"], "db"); !strings.HasPrefix(db, "[1") {
			t.Errorf("what stays is not reached: %s", db)
		}
	}
}

func inOrder(list string) string {
	fields := strings.Fields(strings.Trim(strings.TrimSuffix(list, "<nil>"), "[] "))
	if len(fields) == 2 && fields[0] > fields[1] {
		fields[0], fields[1] = fields[1], fields[0]
	}
	return fmt.Sprint(fields)
}
