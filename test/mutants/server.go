package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/sandbox"
	"stackctl/test/mutants/fault"
)

// server is the droplet with the good deployment that mutants break.
type server struct {
	state   sandbox.State
	conn    *host.Conn
	release string
	// project is the operator's project of the mutant that is tried.
	project *project
	undos   []func()
	proxied bool
}

// ask bounds one command on the droplet.
const ask = 2 * time.Minute

// sh runs a shell line as root on the droplet, past stackctl.
func (s *server) sh(line string) string {
	ctx, cancel := context.WithTimeout(context.Background(), ask)
	defer cancel()
	out, err := s.conn.Run(ctx, "sh", "-c", line)
	must(err)
	if out.Exit != 0 {
		panic(stop{fmt.Errorf("%s: exit code %d: %s%s", line, out.Exit, out.Stdout, out.Stderr)})
	}
	return strings.TrimSpace(string(out.Stdout))
}

// undo does something once the mutant was judged, last first.
func (s *server) undo(do func()) { s.undos = append(s.undos, do) }

// change runs a line, and its opposite once the mutant was judged. The opposite
// stands first: a line that breaks half way is put right too.
func (s *server) change(line, back string) {
	if back != "" {
		s.undo(func() { s.sh(back) })
	}
	s.sh(line)
}

// container is the name of a service's container.
func (s *server) container(service string) string {
	switch service {
	case "traefik", "postgres", "redis":
		return "stack-" + service + "-1"
	}
	return "stack-" + s.release + "-" + service + "-1"
}

func (s *server) put(name, text string) {
	ctx, cancel := context.WithTimeout(context.Background(), ask)
	defer cancel()
	must(s.conn.WriteFile(ctx, name, []byte(text), 0o644))
}

func (s *server) get(name string) string {
	ctx, cancel := context.WithTimeout(context.Background(), ask)
	defer cancel()
	raw, err := s.conn.ReadFile(ctx, name)
	must(err)
	return string(raw)
}

// until polls a condition on the droplet.
func (s *server) until(what string, ok func() bool) {
	deadline := time.Now().Add(40 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			panic(stop{fmt.Errorf("%s: not within 40 s", what)})
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// sql runs statements in the database, and others once the mutant was judged.
func (s *server) sql(do, back string) {
	run := func(text string) {
		s.sh("docker exec -i -e PGPASSWORD=$(docker exec " + s.container("postgres") + " cat /run/secrets/postgres_password) " + s.container("postgres") +
			" psql -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -U app -d app <<'SQL'\n" + text + "\nSQL")
	}
	s.undo(func() { run(back) })
	run(do)
}

// psql runs one statement and gives what it says.
func (s *server) psql(text string) string {
	return s.sh("docker exec -i -e PGPASSWORD=$(docker exec " + s.container("postgres") + " cat /run/secrets/postgres_password) " + s.container("postgres") +
		" psql -qAt -v ON_ERROR_STOP=1 -h 127.0.0.1 -U app -d app <<'SQL'\n" + text + "\nSQL")
}

const liveRoutes = "/srv/stack/edge/dynamic/routes.yml"

// routes changes the routes that the running edge has loaded.
func (s *server) routes(from, to string) {
	s.routesBy(func(text string) string {
		if !strings.Contains(text, from) {
			panic(stop{fmt.Errorf("the running routes do not hold %q", from)})
		}
		return strings.Replace(text, from, to, 1)
	})
}

// routesBy changes the running routes as a whole. The edge tells how many
// files it has read since, so that nothing is judged too early.
func (s *server) routesBy(alter func(text string) string) {
	good := s.get(liveRoutes)
	load := func(text string) {
		before := s.reloads()
		s.put("/srv/stack/tmp/routes.yml", text)
		s.sh("mv /srv/stack/tmp/routes.yml " + liveRoutes)
		s.until("the edge reads its routes", func() bool { return s.reloads() != before })
	}
	changed := alter(good)
	s.undo(func() { load(good) })
	load(changed)
}

// reloads is a sum over what the edge has loaded.
func (s *server) reloads() string {
	sum := sha256.New()
	for _, path := range []string{"http/routers", "http/middlewares", "http/services", "rawdata"} {
		_, body := s.fetch("http", net.JoinHostPort(s.address("traefik"), "8090"), "edge", "/api/"+path+"?per_page=500")
		sum.Write(body)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// fetch asks an address as the server itself reaches it; status 0: no answer.
func (s *server) fetch(scheme, address, name, path string) (status int, body []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	transport := &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // the gates judge the certificate
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return s.conn.DialContext(ctx, network, address)
		},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+name+path, nil)
	must(err)
	req.SetBasicAuth("staff", s.project.secret("staff_password"))
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return 0, nil
	}
	defer res.Body.Close()
	body, _ = io.ReadAll(io.LimitReader(res.Body, 4<<20)) // a sum over half of it differs too
	return res.StatusCode, body
}

// addresses are those of a container, the first of them the lowest.
func (s *server) addresses(service string) []string {
	return strings.Fields(s.sh("docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}' " + s.container(service)))
}

func (s *server) address(service string) string {
	return strings.TrimSpace(s.sh("docker inspect -f '{{(index .NetworkSettings.Networks \"stack_edge\").IPAddress}}' " + s.container(service)))
}

// serves waits until the edge answers for the site.
func (s *server) serves() {
	s.until("the edge answers", func() bool {
		status, _ := s.fetch("https", "127.0.0.1:443", s.state.Domain, "/")
		return status == http.StatusOK
	})
}

const rulesFile = "/srv/mutants/rules.json"

// misbehave lets the api and the web service answer by rules: a proxy takes
// their place on the wire, for the edge and for the server itself.
func (s *server) misbehave(rules []fault.Rule) {
	raw, err := json.Marshal(rules)
	must(err)
	s.between()
	s.put(rulesFile, string(raw))
	s.undo(func() { s.put(rulesFile, "[]") })
}

// between puts the proxy in front of both services. It stays there, changing
// nothing, until a mutant wants none.
func (s *server) between() {
	if s.proxied {
		return
	}
	s.put(rulesFile, "[]")
	s.sh("docker run -d --name mutants-proxy --network stack_edge --restart no -v /srv/mutants:/rules:ro --entrypoint /rules/proxy stackctl/server:dev 8000=http://" +
		s.address("api") + ":8000 8080=http://" + s.address("web") + ":8080")
	s.proxied = true
	s.sh("iptables -t nat -N MUTANTS && iptables -t nat -I OUTPUT -j MUTANTS && iptables -t nat -I PREROUTING -j MUTANTS")
	proxy := s.sh("docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' mutants-proxy")
	for service, port := range map[string]string{"api": "8000", "web": "8080"} {
		for _, address := range s.addresses(service) {
			s.sh("iptables -t nat -A MUTANTS ! -s " + proxy + " -d " + address + " -p tcp --dport " + port + " -j DNAT --to-destination " + proxy + ":" + port)
		}
	}
	s.again()
}

// direct takes the proxy away.
func (s *server) direct() {
	if !s.proxied {
		return
	}
	s.sh("iptables -t nat -D OUTPUT -j MUTANTS; iptables -t nat -D PREROUTING -j MUTANTS; iptables -t nat -F MUTANTS; iptables -t nat -X MUTANTS; docker rm -f mutants-proxy")
	s.proxied = false
	s.again()
}

// again starts the edge anew: connections that are open would not take the
// new way.
func (s *server) again() {
	s.sh("docker restart -t 1 " + s.container("traefik"))
	s.serves()
}

// prepare makes the droplet the project's target. Sign-ups that the site
// counts are made only where a mutant asks for them.
func (s *server) prepare(p *project) {
	text, err := os.ReadFile(s.state.Target())
	must(err)
	// The bench logs in more often in a minute than people do, and still less
	// than the rest of the API allows.
	kept := regexp.MustCompile(`(?m)^\s+AUTH_RATE:.*\n`).ReplaceAllString(string(text), "")
	kept = strings.Replace(kept, "env:\n", "env:\n  AUTH_RATE: \"20000\"\n", 1)
	p.write(targetFile, strings.Replace(kept, "mutate: true", "mutate: false", 1))
}

// forget lets the site forget what it counted against its sign-in limits.
func (s *server) forget() {
	s.sh("docker exec " + s.container("redis") + " sh -c 'REDISCLI_AUTH=$(cat /run/secrets/redis_password) redis-cli FLUSHALL'")
}

// leftovers takes away what a bench that was killed left on a kept droplet.
const leftovers = `mkdir -p /srv/mutants
docker rm -f mutants-proxy mutant old-worker >/dev/null 2>&1
for kept in $(docker ps -a --format '{{.Names}}' 2>/dev/null | grep -e '-kept$'); do
	name=${kept%-kept}; docker rm -f $name; docker rename $kept $name; docker start $name
done >/dev/null 2>&1
systemctl stop mutant >/dev/null 2>&1
if iptables -t nat -S 2>/dev/null | grep -q MUTANTS; then
	iptables -t nat -D OUTPUT -j MUTANTS; iptables -t nat -D PREROUTING -j MUTANTS
	iptables -t nat -F MUTANTS; iptables -t nat -X MUTANTS
fi
true`

// stored puts one more resolver into the running edge's certificate store.
func (s *server) stored(more string) {
	file := "/var/lib/docker/volumes/stack_acme/_data/acme.json"
	good := s.get(file)
	var have, extra map[string]any
	must(json.Unmarshal([]byte(good), &have))
	must(json.Unmarshal([]byte(more), &extra))
	for k, v := range extra {
		have[k] = v
	}
	raw, err := json.Marshal(have)
	must(err)
	write := func(text string) {
		s.put("/srv/mutants/store.json", text)
		s.sh("cat /srv/mutants/store.json > " + file + " && rm /srv/mutants/store.json")
	}
	s.undo(func() { write(good) })
	write(string(raw))
}

func readFile(name string) string {
	raw, err := os.ReadFile(name)
	must(err)
	return string(raw)
}

func base64Text(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
