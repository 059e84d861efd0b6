package release_test

import (
	"fmt"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

// What Compose reads and no Engine starts is refused with its place, before a deploy
// finds it out halfway.
func TestWhatNoEngineStartsIsRefused(t *testing.T) {
	one := func(line string) string { return "services:\n  web:\n    image: acme/web:1\n    " + line + "\n" }
	two := func(a, b, rest string) string {
		return "services:\n  a:\n    image: acme/a:1\n    " + a + "\n  b:\n    image: acme/b:1\n    " + b + "\n" + rest
	}
	net := func(config string) string { return "networks: {n: {ipam: {config: [" + config + "]}}}\n" }
	for text, want := range map[string]string{
		one(`restart: allways`):                                          "compose.yaml:4: service web has restart: allways, which is none; write no, always",
		one(`stop_signal: SIGQIT`):                                       "compose.yaml:4: service web has the stop_signal SIGQIT, which is none",
		one(`container_name: "my web!"`):                                 `compose.yaml:4: service web has the container_name "my web!"`,
		one(`cap_add: [NET_ADMINN]`):                                     "compose.yaml:4: service web has the capability NET_ADMINN, which is none",
		one(`cap_drop: [SYS]`):                                           "compose.yaml:4: service web has the capability SYS, which is none",
		one(`environment: ["=x"]`):                                       "compose.yaml:4: service web has a variable without a name",
		one(`credential_spec: {file: a}`):                                "compose.yaml:4: service web has a credential_spec",
		one(`volumes: ["cache:app/cache"]`):                              "compose.yaml:4: service web names the volume cache, which is not defined",
		one(`volumes: ["app/cache"]`):                                    "compose.yaml:4: service web mounts something at app/cache, which is no absolute path; begin it with /",
		one(`tmpfs: "run:size=1m"`):                                      "compose.yaml:4: service web mounts something at run, which is no absolute path",
		one(`volumes: ["m:/data"]`):                                      "compose.yaml:4: service web mounts something at m:/data, which is no path: Compose takes the name m before it for a drive of Windows; give the volume a name of two letters or more",
		one(`tmpfs: [/]`):                                                "compose.yaml:4: service web mounts something at /, which is the container's root",
		one(`ports: ["25:25", "25:26"]`):                                 "compose.yaml:4: service web publishes port 25 twice",
		one("scale: 2\n    ports: [\"25:25\"]"):                          "compose.yaml:5: port 25 is published by each container of service web; give it one container",
		two(`ports: ["25:25"]`, `ports: ["25:2525"]`, ""):                "compose.yaml:7: service b publishes port 25, which service a has already",
		two(`ports: ["10.0.0.1:25:25"]`, `ports: ["25:2525"]`, ""):       "compose.yaml:7: service b publishes port 25",
		two(`ports: ["10.0.0.1:25:25"]`, `ports: ["0.0.0.0:25:25"]`, ""): "compose.yaml:7: service b publishes port 25",
		two(`ports: ["[::1]:25:25"]`, `ports: ["[::]:25:25"]`, ""):       "compose.yaml:7: service b publishes port 25",
		two(`depends_on: [b]`, `profiles: [debug]`, ""):                  "compose.yaml:4: service a waits for b, which is in no profile that is deployed; name one of its profiles (debug) under compose.profiles",
		two(`networks: {n: {ipv4_address: 10.7.0.3}}`, `networks: [n]`, "networks: {n: }\n"):                                                                 "compose.yaml:4: service a has the address 10.7.0.3, and network n has no subnet of its own",
		two(`networks: {n: {ipv4_address: 10.8.0.3}}`, `networks: [n]`, net("{subnet: 10.7.0.0/24}")):                                                        "compose.yaml:4: service a has the address 10.8.0.3, which is not in 10.7.0.0/24 of network n",
		two(`networks: {n: {ipv4_address: 10.7.0.300}}`, `networks: [n]`, net("{subnet: 10.7.0.0/24}")):                                                      "compose.yaml:4: service a has the address 10.7.0.300, which is none",
		two(`networks: {n: {ipv4_address: 10.7.0.3}}`, `networks: {n: {ipv4_address: 10.7.0.3}}`, net("{subnet: 10.7.0.0/24}")):                              "compose.yaml:7: service b has the address 10.7.0.3, which service a has already",
		two(`networks: [n]`, `networks: [m]`, "networks:\n  m: {ipam: {config: [{subnet: 10.7.0.0/16}]}}\n  n: {ipam: {config: [{subnet: 10.7.1.0/24}]}}\n"): "compose.yaml:10: network n has the subnet 10.7.1.0/24, which overlaps 10.7.0.0/16 of network m",
		two(`networks: [n]`, `restart: always`, net("{subnet: 10.7.0.0}")):                                                                                   `compose.yaml:8: network n has the subnet "10.7.0.0", which is none`,
		two(`volumes: ["vv:/v"]`, `restart: always`, "volumes: {vv: {name: \"my volume\"}}\n"):                                                               `compose.yaml:8: volume vv is named "my volume", and no volume is called so`,
	} {
		newProject(t, map[string]string{"compose.yaml": text}).refused(t, want)
	}
}

// What looks like it and an Engine starts is no mistake.
func TestWhatAnEngineStartsIsNotRefused(t *testing.T) {
	s := newProject(t, map[string]string{"compose.yaml": `services:
  a:
    image: acme/a:1
    restart: "on-failure:5"
    stop_signal: SIGRTMIN+3
    cap_add: [net_admin, CAP_SYS_NICE]
    cap_drop: [all]
    ports: ["25:25", "25:25/udp", "10.0.0.1:26:26", "9000-9010:90"]
    depends_on: {c: {condition: service_started, required: false}}
    networks: {n: {ipv4_address: 10.7.0.3, ipv6_address: "fd00::3"}, out: {ipv4_address: 10.9.9.9}}
  b:
    image: acme/b:1
    stop_signal: "15"
    container_name: shop_b.1
    ports: ["10.0.0.2:26:26", "9000-9010:90"]
    tmpfs: ["/run:size=1m,mode=1777"]
    networks: {n: {ipv4_address: 10.7.0.4}}
  c:
    image: acme/c:1
    profiles: [debug]
    ports: ["25:25"]
networks:
  n: {enable_ipv6: true, ipam: {config: [{subnet: 10.7.0.0/24}, {subnet: "fd00::/64"}]}}
  out: {external: true}
  unused: {ipam: {config: [{subnet: 10.7.0.0/16}]}}
`})
	if _, err := s.read(); err != nil {
		t.Error(err)
	}
}

// An image of which a service mounts the files is brought like those that run.
func TestAnImageThatIsMountedIsShipped(t *testing.T) {
	s := newProject(t, map[string]string{"compose.yaml": "services:\n  web:\n    image: acme/web:1\n    volumes: [{type: image, source: \"acme/pages:7\", target: /srv}]\n"})
	s.inputs.Archives = map[string]stack.Image{"acme/pages:7": {Reference: "acme/pages:7", ID: "sha256:" + strings.Repeat("a", 64)}}
	r, err := s.read()
	must(t, err)
	var names []string
	for _, i := range r.Images {
		names = append(names, i.Reference)
	}
	if got := strings.Join(names, " "); got != "acme/pages:7 acme/web:1" {
		t.Errorf("the images are %s", got)
	}
	if !strings.Contains(string(r.App), "source: sha256:aaaa") {
		t.Errorf("the image is not mounted by its ID:\n%s", r.App)
	}
}

// What lies in a home folder, or elsewhere on the operator's machine, is not sent as a
// config that everybody in the container reads.
func TestAConfigIsAFileOfTheProject(t *testing.T) {
	for file, want := range map[string]string{
		"~/.ssh/id_ed25519": "compose.yaml:5: config c is ~/.ssh/id_ed25519 of a home folder",
		"${HOME}/.netrc":    "compose.yaml:5: config c is ~/.netrc of a home folder",
		"/etc/hostname":     "compose.yaml:5: config c is /etc/hostname of this machine, outside the project; copy it into the project",
	} {
		newProject(t, map[string]string{"compose.yaml": "services:\n  web:\n    image: acme/web:1\n    configs: [c]\nconfigs: {c: {file: \"" + file + "\"}}\n"}).refused(t, want)
	}
	s := newProject(t, map[string]string{"compose.yaml": "services:\n  web:\n    image: acme/web:1\n    configs: [c]\nconfigs: {c: {file: \"${PWD}/a.conf\"}}\n", "a.conf": "a"})
	if _, err := s.read(); err != nil {
		t.Error(err)
	}
}

// A variable of which a secret or a config is made is one that the files use.
func TestTheVariableOfASecretIsUsed(t *testing.T) {
	s := newProject(t, map[string]string{
		"compose.yaml": "services:\n  web:\n    image: acme/web:1\n    configs: [c]\n    secrets: [s]\nsecrets: {s: {environment: TOK}}\nconfigs: {c: {environment: MOTD}}\n",
		".env":         "TOK=Zq7nWw3kLp\nMOTD=hello\nOTHER=1\n",
	})
	r, err := s.read()
	must(t, err)
	if got := fmt.Sprint(r.Variables); got != "[{MOTD .env} {TOK .env}]" {
		t.Errorf("used are %s", got)
	}
}

// The line of a broken env file is the one to mend, and no value is shown.
func TestAnOpenQuoteIsFoundWhereItBegins(t *testing.T) {
	for text, want := range map[string]string{
		"A=1\nDB_PASSWORD=\"hunter2-very\nX=1\nY='a'\n": "app.env:2: a quote that begins here is not closed",
		"A=\"two\nlines\"\nB='open\nX=1\n":              "app.env:3: a quote that begins here is not closed",
		"A=\"with \\\" inside\"\nB=\"open\n":            "app.env:2: a quote that begins here is not closed",
	} {
		s := newProject(t, map[string]string{"compose.yaml": "services:\n  web:\n    image: acme/web:1\n    env_file: app.env\n", "app.env": text})
		s.refused(t, want)
		if notes := strings.Join(s.look(t).Notes["web"], " "); !strings.Contains(notes, "check refuses it: a quote that begins here is not closed (app.env:") || strings.Contains(notes, "hunter2") {
			t.Errorf("noted is %q", notes)
		}
	}
}

// An image whose tag a variable without a value gives is refused with the variable, not
// with how images are called.
func TestTheVariableOfAnImageIsNamed(t *testing.T) {
	files := map[string]string{"compose.yaml": "services:\n  web:\n    image: \"acme/web:${TAG}\"\n"}
	s := newProject(t, files)
	s.config.Policy = stack.PolicyStandard
	s.refused(t, `compose.yaml:3: the variable TAG has no value, and the image of service web is "acme/web:" without it; set it in the env file`)
	files[".env.example"] = "TAG=1\n"
	s = newProject(t, files)
	s.config.Policy = stack.PolicyStandard
	s.refused(t, "compose.yaml:3: the variable TAG has no value", "copy .env.example to .env and fill it in")
}
