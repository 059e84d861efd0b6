package deploy

import (
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestNamesThatAreNewOnAPublicSiteAreRehearsedBeforeAnythingIsSwitched(t *testing.T) {
	want := wantedShop()
	want.Rehearse = []string{"fresh.example.org", "new.example.org"}
	got := planText(want, seenShop())
	if !strings.HasPrefix(got, `[1] ship-image shop/api:dev, the host lacks bbbb
[2] ship-files release bbbbbbbbbbbb, 1 of 1 files are not there, or differ
[3] rehearse certificates of fresh.example.org, new.example.org, new on a site that is public: staging is asked before a public authority
[4] backup db, migrations may change what it holds
`) {
		t.Errorf("the plan is\n%s", got)
	}
}

func TestARehearsalThatFailsIsUndoneByNothing(t *testing.T) {
	u := undoing(stack.Step{Kind: stack.StepShipFiles}, stack.Step{Kind: stack.StepRehearse, Release: oldID, Hosts: []string{"typo.example.org"}})
	if plan := Undo(u); len(plan.Steps) != 1 || plan.Steps[0].Kind != stack.StepFail {
		t.Errorf("it is undone by\n%s", plan)
	}
}

func TestTheCopyThatRehearsesHasNeitherPortsNorCertificatesOfTheEdge(t *testing.T) {
	r := stack.Release{Project: "shop", Services: []stack.Service{{Name: "edge", Networks: []string{"front"}}}, Networks: []stack.Network{{Name: "front"}}, Base: []byte(`
name: shop
services:
  edge:
    image: sha256:1
    ports: [{target: 80, published: "80"}]
    environment: {LEGO_CA_CERTIFICATES: /etc/traefik/acme-directory-ca.pem, TZ: UTC}
    healthcheck: {test: [CMD, x]}
    networks: {front: {}}
    volumes:
      - {type: bind, source: /srv/shop/edge/dynamic, target: /etc/traefik/dynamic, read_only: true}
      - {type: volume, source: acme, target: /acme}
volumes: {acme: {}}
`)}
	for ca, trusts := range map[string]string{"": "", "/srv/shop/ca.pem": "LEGO_CA_CERTIFICATES: " + rehearsalCA} {
		got, err := rehearsalCompose(r, "edge", stack.TrialProject("shop"), ca, map[string]string{"/srv/shop/edge/dynamic": "/srv/shop/try"})
		if err != nil {
			t.Fatal(err)
		}
		text := string(got)
		for _, want := range []string{"- " + stack.RehearsalAlias("shop"), "name: shop_front", "source: /srv/shop/try", "TZ: UTC", "/stackctl-rehearsal:size=1m", trusts} {
			if !strings.Contains(text, want) {
				t.Errorf("it lacks %q:\n%s", want, text)
			}
		}
		for _, not := range []string{"published", "acme-directory-ca", "source: acme", "healthcheck"} {
			if strings.Contains(text, not) {
				t.Errorf("%q is in\n%s", not, text)
			}
		}
	}
}
