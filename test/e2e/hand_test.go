//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

// ours finds containers of the project by a service's name, running or not.
const ours = `ours() { docker ps -aq --filter label=dev.stackctl.project=stack --filter label=com.docker.compose.service="$1"; }
`

// TestWhatIsDoneByHandIsSetRightAndStrangersAreLeftAlone does to the server what
// people do who mean well, beside somebody else's container, network and volume.
func TestWhatIsDoneByHandIsSetRightAndStrangersAreLeftAlone(t *testing.T) {
	p := ensureGood(t)
	inDroplet(t, `set -e
docker network create stranger
docker volume create stranger
docker run -d --name stranger --network stranger -v stranger:/data --restart unless-stopped $(docker inspect -f '{{.Image}}' stack-redis-1)`)
	t.Cleanup(func() {
		inDroplet(t, "docker rm -f stranger; docker network rm stranger; docker volume rm stranger")
	})
	strangers := func() string {
		return inDroplet(t, `docker inspect -f '{{.Id}} {{.State.Status}} {{.State.StartedAt}} {{.RestartCount}}' stranger
docker network inspect -f '{{.Id}} {{.Created}} {{len .Containers}}' stranger
docker volume inspect -f '{{.CreatedAt}}' stranger`)
	}
	before := strangers()
	live := p.report().Live
	for name, hand := range map[string]string{
		"the folder of routes is removed under an edge that runs":                                `rm -r /srv/stack/edge/dynamic`,
		"services are stopped and removed, as are the edge, the database and a release's folder": `docker stop -t 1 $(ours api) $(ours redis) && docker rm -f $(ours worker) $(ours static) $(ours traefik) $(ours postgres) && rm -r /srv/stack/releases/` + live + ` /srv/stack/edge/dynamic`,
		"every container and network is removed":                                                 `docker ps -aq --filter label=dev.stackctl.project=stack | xargs docker rm -f && docker network ls -q --filter label=com.docker.compose.project=stack | xargs docker network rm`,
	} {
		t.Run(name, func(t *testing.T) {
			p.t = t
			inDroplet(t, "set -e\n"+ours+hand)
			if r := p.stackctl("status"); r.exit != 0 || !strings.Contains(r.out, "has no container") && !strings.Contains(r.out, "exited") && !strings.Contains(r.out, "does not say which is live") {
				t.Errorf("status: exit code %d\n%s%s", r.exit, r.out, r.err)
			}
			p.must(0, "deploy")
			if r := p.report(); r.Live != live {
				t.Errorf("%s is live, not %s", r.Live, live)
			}
			if !serves(t, client(t)) {
				t.Error("the site does not serve")
			}
			if after := strangers(); after != before {
				t.Errorf("strangers before:\n%safter:\n%s", before, after)
			}
		})
	}
	p.t = t
}
