//go:build e2e

package e2e

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/harden"
)

// scribe writes to its root file system, as root.
const scribe = `
  scribe:
    image: postgres:16
    restart: unless-stopped
    x-stackctl: {layer: app}
    entrypoint: [sh, -c, "echo started >/state || exit 1; exec sleep 1000"]
`

// deployed is all of the project that runs or is kept on the server, and since when.
const deployed = `docker ps -a --format '{{.ID}} {{.Names}}' | sort; docker inspect -f '{{.Name}} {{.State.StartedAt}}' $(docker ps -q) | sort
docker volume ls -q | sort; docker network ls --format '{{.ID}} {{.Name}}' | sort; find /srv/stack -path /srv/stack/tmp -prune -o -type f ! -name 'lock*' -printf '%p %s %T@\n' | sort; ls /srv/stack`

// hardens has harden try the shop beside the shop that serves.
func hardens(t *testing.T, p project) {
	at := func(name string) string { return filepath.Join(p.root, name) }
	compose, settings := read(t, at("docker-compose.yml")), read(t, at("stackctl.yaml"))
	t.Cleanup(func() { // what comes next deploys the shop as it was
		p.write("docker-compose.yml", compose)
		p.write("stackctl.yaml", settings)
	})
	p.edit("docker-compose.yml", "\nvolumes:\n  entries:", scribe+"\nvolumes:\n  entries:")
	before, advice := onDroplet(t, deployed), hardeningAdvice(p)
	said := p.must(0, "harden", "--target", "sandbox", "--output", "json").out
	var told struct {
		Services []harden.Verdict `json:"services"`
	}
	if err := json.Unmarshal([]byte(said), &told); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	const all = "read_only but /tmp, cap_drop ALL, no-new-privileges"
	for service, want := range map[string]string{
		"books": all, "migrate": all, "worker": all, "web": all + ", user 65532:65532",
		"db": "read_only but /run/postgresql /tmp, cap_drop ALL but CHOWN DAC_OVERRIDE FOWNER SETGID SETUID, no-new-privileges", "scribe": "cap_drop ALL, no-new-privileges",
	} {
		i := slices.IndexFunc(told.Services, func(v harden.Verdict) bool { return v.Service == service })
		if i < 0 || !strings.HasPrefix(told.Services[i].Bears.String(), want) {
			t.Errorf("%s does not bear %s: %s", service, want, said)
		} else if v := told.Services[i]; service == "scribe" && (len(v.Left) != 2 || v.Left[0].Measure != harden.ReadOnly || !strings.Contains(v.Left[0].Line, "/state: Read-only file system")) {
			t.Errorf("%s is told to go without %v", service, v.Left)
		}
	}
	if after := onDroplet(t, deployed); after != before {
		t.Errorf("on the server there is\n%s\nafter, and before\n%s", after, before)
	}
	p.edit("stackctl.yaml", "[docker-compose.yml]", "[docker-compose.yml, compose.hardened.yaml]")
	if now := hardeningAdvice(p); len(now) >= len(advice) || slices.Contains(now, "compose/capabilities web") || !slices.Contains(now, "compose/read-only scribe") {
		t.Errorf("with the override check advises %q, without it %q", now, advice)
	}
}

// hardeningAdvice is what check advises of the services' hardening: rule and service.
func hardeningAdvice(p project) []string {
	p.must(0, "check", "--target", "sandbox")
	var out []string
	for _, g := range p.report().Gates {
		for _, f := range g.Advice {
			for _, rule := range []string{"compose/read-only", "compose/capabilities", "compose/no-new-privileges", "compose/user", "compose/mem-limit"} {
				if f.Rule == rule {
					out = append(out, f.Rule+" "+strings.TrimPrefix(f.Subject, "service "))
				}
			}
		}
	}
	return out
}
