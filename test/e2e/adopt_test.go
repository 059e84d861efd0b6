//go:build e2e

package e2e

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// asCompose leaves of the project what `docker compose` would have made: containers,
// a network, a volume with its labels, and no word of stackctl.
const asCompose = `set -e
image=$(docker inspect -f '{{.Config.Image}}' shop-db-1)
app=$(docker inspect -f '{{.Config.Image}}' $(docker ps -q --filter label=com.docker.compose.service=web | head -n 1))
docker rm -f $(docker ps -aq --filter label=dev.stackctl.project=shop) $(docker ps -aq --filter label=com.docker.compose.project=stackctl-ingress) >/dev/null
rm -rf /srv/stack/releases/* /srv/stack/edge/dynamic/* /srv/stackctl-ingress/dynamic/shop.yml
docker network rm $(docker network ls -q --filter label=dev.stackctl.project=shop) >/dev/null
docker network create --label com.docker.compose.project=shop --label com.docker.compose.network=default shop_default >/dev/null
docker run --rm -v shop_pg:/from -v kept:/to --entrypoint sh $image -c 'cp -a /from/. /to'
docker volume rm shop_pg >/dev/null
docker volume create --label com.docker.compose.project=shop --label com.docker.compose.volume=pg --label com.docker.compose.version=2.29.1 shop_pg >/dev/null
docker run --rm -v kept:/from -v shop_pg:/to --entrypoint sh $image -c 'cp -a /from/. /to'
docker volume rm kept >/dev/null
run() { name=$1; shift; docker run -d --restart always --network shop_default --name shop-$name-1 --label com.docker.compose.project=shop --label com.docker.compose.service=$name "$@" >/dev/null; }
run db -v shop_pg:/var/lib/postgresql/data $image
run web -p 80:8080 -p 443:8443 $app web`

// composeRuns lists what runs, by name, and who has port 80.
const composeRuns = `docker ps --format '{{.Names}} {{.Ports}}' | sort | sed 's/ .*:80->.*/ on 80/; s/ .*tcp$//'`

// movedFromCompose has a deploy take over what docker compose runs: on demand alone,
// with a way back where it fails, and with its data.
func movedFromCompose(t *testing.T, p project) {
	onDroplet(t, asCompose)
	before := onDroplet(t, composeRuns)
	orders := func(when string) {
		t.Helper()
		if n := p.sql("SELECT count(*) FROM orders"); n != "1000" {
			t.Errorf("%s: the database holds %s orders", when, n)
		}
	}
	told(t, p)
	orders("nothing was adopted")
	p.write(".env", "DB_PASSWORD=jolly-otter-4-bridge\nEDITION=broken\n")
	if said := p.must(4, "deploy", "--adopt", "--target", "sandbox").out; !strings.Contains(said, "what docker compose started serves again") {
		t.Errorf("it says %s", said)
	}
	if after := onDroplet(t, composeRuns); after != before || !strings.Contains(after, "shop-web-1") {
		t.Errorf("an adoption that fails leaves\n%s, not\n%s", after, before)
	}
	orders("an adoption failed")
	p.write(".env", "DB_PASSWORD=jolly-otter-4-bridge\n")
	p.must(0, "backup", "keygen", filepath.Join(p.root, ".stackctl", "backup.key"))
	p.must(0, "deploy", "--adopt", "--target", "sandbox")
	orders("it was adopted")
	steps := p.report().Steps
	if i := slices.IndexFunc(steps, func(s stack.StepResult) bool { return s.Step.Kind == stack.StepBackup }); i < 0 || !strings.Contains(steps[i].Detail, "tables") {
		t.Errorf("no backup was taken of what docker compose ran: %+v", steps)
	}
	t.Logf("no edge served for %s", unserved(steps).Round(time.Millisecond))
	if left := onDroplet(t, "docker ps -a --format '{{.Names}}' | grep aside || true"); left != "" {
		t.Errorf("what was adopted leaves %s", left)
	}
	p.must(0, "deploy", "--target", "sandbox")
}

// told looks for what is said of docker compose's containers before anything is done.
func told(t *testing.T, p project) {
	t.Helper()
	refused := p.must(4, "deploy", "--target", "sandbox")
	status := p.stackctl("status", "--target", "sandbox")
	planned := p.must(0, "plan", "--adopt", "--target", "sandbox")
	for what, c := range map[string]struct{ said, want string }{
		"a deploy without --adopt": {refused.out + refused.err, "shop-db-1, shop-web-1"},
		"its way out":              {refused.out + refused.err, "stackctl deploy --adopt"},
		"status":                   {status.out + status.err, "docker compose started shop-db-1, shop-web-1; "},
		"the plan of the store":    {planned.out, "adopt db, the release's db takes its place"},
		"the plan of the ports":    {planned.out, "adopt web, it holds port 80"},
	} {
		if !strings.Contains(c.said, c.want) {
			t.Errorf("%s does not say %q:\n%s", what, c.want, c.said)
		}
	}
}

// unserved is how long no edge served: from when the web's ports were taken until the
// new edge led to the release.
func unserved(steps []stack.StepResult) time.Duration {
	var away time.Duration
	for _, s := range steps {
		if away > 0 || s.Step.Kind == stack.StepAdopt && slices.Contains(s.Step.Services, "web") {
			away += s.Took
		}
		if s.Step.Kind == stack.StepSwitch {
			break
		}
	}
	return away
}
