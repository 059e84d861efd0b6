package main

import (
	"fmt"
	"strings"
)

// edgeFile changes the running edge's static file and starts the edge anew.
func (s *server) edgeFile(from, to string) { s.changeEdgeFile(from, to, s.again) }

// edgeFileQuietly changes the file and leaves the edge running.
func (s *server) edgeFileQuietly(from, to string) { s.changeEdgeFile(from, to, func() {}) }

func (s *server) changeEdgeFile(from, to string, then func()) {
	file := s.sh("docker inspect -f '{{range .Mounts}}{{if eq .Destination \"/etc/traefik/traefik.yml\"}}{{.Source}}{{end}}{{end}}' " + s.container("traefik"))
	good := s.get(file)
	if !strings.Contains(good, from) {
		panic(stop{fmt.Errorf("%s does not hold %q", file, from)})
	}
	write := func(text string) {
		s.put("/srv/stack/tmp/traefik.yml", text)
		// In place: the container holds the file itself.
		s.sh("cat /srv/stack/tmp/traefik.yml > " + file + " && rm /srv/stack/tmp/traefik.yml")
		then()
	}
	s.undo(func() { write(good) })
	write(strings.Replace(good, from, to, 1))
}

// dynamicFile adds a file to the ones that the edge watches.
func (s *server) dynamicFile(name, text string) {
	before := s.reloads()
	file := "/srv/stack/edge/dynamic/" + name
	s.undo(func() { s.sh("rm -rf /srv/stack/edge/dynamic/" + strings.Split(name, "/")[0]) })
	s.sh("mkdir -p $(dirname " + file + ")")
	s.put("/srv/stack/tmp/"+strings.ReplaceAll(name, "/", "-"), text)
	s.sh("mv /srv/stack/tmp/" + strings.ReplaceAll(name, "/", "-") + " " + file)
	if strings.Contains(name, "/") {
		return // the edge watches the folder itself alone, and reads this at its next start
	}
	s.until("the edge reads the file", func() bool { return s.reloads() != before })
}

// recreate replaces a container by one that differs: the Engine's own
// description of it, changed by a line of Python. The good one waits.
const recreate = `
import http.client, json, socket, sys, time
class Engine(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX); self.sock.connect("/var/run/docker.sock")
def ask(method, path, body=None):
    c = Engine("docker", timeout=60)
    c.request(method, "/v1.41" + path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
    r = c.getresponse(); raw = r.read()
    if r.status >= 400: sys.exit("%s %s: %d %s" % (method, path, r.status, raw.decode()))
    return json.loads(raw) if raw else None
name, kept = sys.argv[1], sys.argv[1] + "-kept"
was = ask("GET", "/containers/%s/json" % name)
body = dict(was["Config"], HostConfig=was["HostConfig"])
host, labels = body["HostConfig"], body["Labels"]
nets = {}
for n, e in was["NetworkSettings"]["Networks"].items():
    nets[n] = {"Aliases": [a for a in (e.get("Aliases") or []) if not was["Id"].startswith(a)]}
CHANGE
ask("POST", "/containers/%s/stop?t=2" % name)
ask("POST", "/containers/%s/rename?name=%s" % (name, kept))
first = sorted(nets)[0] if nets else None
body["NetworkingConfig"] = {"EndpointsConfig": {first: nets[first]} if first else {}}
body.pop("Hostname", None)
made = ask("POST", "/containers/create?name=" + name, body)
for n in sorted(nets)[1:]:
    ask("POST", "/networks/%s/connect" % n, {"Container": made["Id"], "EndpointConfig": nets[n]})
ask("POST", "/containers/%s/start" % made["Id"])
for i in range(300):
    state = ask("GET", "/containers/%s/json" % name)["State"]
    if state["Status"] == "running" and state.get("Health", {}).get("Status", "healthy") == "healthy": break
    time.sleep(0.1)
`

// recreated lets a service's container run in another way. code changes body,
// host (its HostConfig), labels or nets.
func (s *server) recreated(service, code string) {
	name := s.container(service)
	s.put("/srv/mutants/recreate.py", strings.Replace(recreate, "CHANGE", code, 1))
	s.undo(func() {
		s.sh("docker inspect " + name + "-kept >/dev/null 2>&1 && { docker rm -f " + name + "; docker rename " + name + "-kept " + name + "; }; docker start " + name)
		s.until(service+" is well", func() bool {
			return s.sh("docker inspect -f '{{if .State.Health}}{{.State.Health.Status}}{{else}}healthy{{end}}' "+name) == "healthy"
		})
		if service == "traefik" {
			s.serves()
		}
	})
	s.sh("python3 /srv/mutants/recreate.py " + name)
	if service == "traefik" {
		s.serves()
	}
}
