//go:build unix

package release_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestWhatAServiceWritesToOutlivesEveryRelease(t *testing.T) {
	for name, c := range map[string]struct{ mount, layer, at, want string }{
		"uploads":                    {"./uploads:/app/uploads", "app", "/app/uploads", "uploads"},
		"a database":                 {"./pgdata:/var/lib/postgresql/data", "data", "/var/lib/postgresql/data", "pgdata"},
		"nothing there yet":          {"./media/new:/media", "app", "/media", "media/new"},
		"below the folder of PWD":    {"${PWD}/uploads:/app/uploads", "app", "/app/uploads", "uploads"},
		"beside the project":         {"../shared:/shared", "app", "/shared", "_up/shared"},
		"a SQLite file":              {"./app.db:/app/app.db", "app", "/app/app.db", "app.db"},
		"an empty file of its state": {"./state.json:/app/state.json", "app", "/app/state.json", "state.json"},
		"the whole project":          {".:/app", "app", "/app", ""},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{
				"compose.yaml": "services:\n  a:\n    image: a:1\n    x-stackctl: {layer: " + c.layer + "}\n    volumes: [\"" + c.mount + "\"]\n",
				"uploads/one":  "1", "pgdata/notes": "x", "app.db": "SQLite format 3\x00", "state.json": "",
			}
			s := newProject(t, files)
			one, err := s.read()
			must(t, err)
			want := strings.TrimSuffix("/srv/shop/data/"+c.want, "/")
			if got := started(t, one, "a").at(c.at); got != want {
				t.Errorf("is at %s, want %s", got, want)
			}
			if len(one.Persistent) != 1 || "/srv/shop/"+one.Persistent[0].Path != want || !slices.Equal(one.Persistent[0].Services, []string{"a"}) {
				t.Errorf("persistent are %+v", one.Persistent)
			}
			svc, _ := one.Service("a")
			if m := svc.Volumes[0]; !m.Persistent || m.Source != want || m.ReadOnly {
				t.Errorf("judged is %+v", m)
			}
			for _, f := range one.Files {
				if strings.HasPrefix(f.Path, "data/") {
					t.Errorf("a deploy would overwrite %s", f.Path)
				}
			}
			must(t, os.WriteFile(filepath.Join(s.config.Root, "uploads/two"), []byte("edited"), 0o600))
			must(t, os.WriteFile(filepath.Join(s.config.Root, "pgdata/notes"), []byte("edited"), 0o600))
			two, err := s.read()
			must(t, err)
			if two.ID != one.ID || started(t, two, "a").at(c.at) != want {
				t.Errorf("a local edit moves the data: %s", started(t, two, "a").at(c.at))
			}
		})
	}
}

func TestAPersistentFolderBeginsWithWhatTheProjectHas(t *testing.T) {
	s := newProject(t, map[string]string{
		"compose.yaml": "services:\n  a:\n    image: a:1\n    volumes: [\"./up:/up\", \"./pg:/pg\"]\n  b:\n    image: nginx:1.27\n    volumes: [\"./up:/usr/share/nginx/html:ro\", \"./up/in:/in:ro\"]\n",
		"up/run.sh*":   "#!/bin/sh\n", "up/in/a": "1", "up/none/": "", "pg/PG_VERSION": "16", "pg/base": "x",
	})
	r, err := s.read()
	must(t, err)
	up := r.Persistent[slices.IndexFunc(r.Persistent, func(p stack.Persistent) bool { return p.Path == "data/up" })]
	var seed []string
	for _, f := range up.Seed {
		seed = append(seed, f.Path+" "+f.Mode.String())
	}
	if want := []string{"in/a -rw-r--r--", "none drwxr-xr-x", "run.sh -rwxr-xr-x"}; !slices.Equal(seed, want) {
		t.Errorf("begins with %q", seed)
	}
	if !slices.Equal(up.Services, []string{"a", "b"}) {
		t.Errorf("used by %v", up.Services)
	}
	b := started(t, r, "b")
	if b.at("/usr/share/nginx/html") != "/srv/shop/data/up" || b.at("/in") != "/srv/shop/data/up/in" {
		t.Errorf("who reads it gets %+v", b.Volumes)
	}
	warned := strings.Join(r.Warnings, "\n")
	for _, want := range []string{"compose.yaml:4: ./up is writable for a", "compose.yaml:4: ./pg on this machine is a database, which is not sent"} {
		if !strings.Contains(warned, want) {
			t.Errorf("warnings are %q, want %q", warned, want)
		}
	}
}

func TestAPersistentFolderInsideAShippedOneIsMountedOverIt(t *testing.T) {
	r, err := newProject(t, map[string]string{
		"compose.yaml":      "services:\n  web:\n    image: web:1\n    volumes: [\"./public:/srv:ro\"]\n  app:\n    image: app:1\n    volumes: [\"./public/uploads:/uploads\"]\n",
		"public/index.html": "<p>", "public/uploads/old.png": "png",
	}).read()
	must(t, err)
	web := started(t, r, "web")
	if got := web.at("/srv/uploads"); got != "/srv/shop/data/public/uploads" {
		t.Errorf("mounted are %+v", web.Volumes)
	}
	if f, ok := file(r, web.at("/srv")+"/uploads"); !ok || !f.Mode.IsDir() {
		t.Error("there is no place to mount it at")
	}
	if _, ok := file(r, web.at("/srv")+"/uploads/old.png"); ok {
		t.Error("uploads are shipped with the release")
	}
}

func TestAnAbsolutePathIsTheServersOwn(t *testing.T) {
	local := t.TempDir()
	must(t, os.WriteFile(filepath.Join(local, "secret"), []byte("the operator's"), 0o600))
	s := newProject(t, map[string]string{"compose.yaml": "services:\n  a:\n    image: a:1\n    volumes: [\"/proc:/host/proc:ro\", \"/sys:/sys:ro\", \"/etc/localtime:/etc/localtime:ro\", \"" + local + ":/data\", \"/dev/null:/null\"]\n"})
	r, err := s.read()
	must(t, err)
	a := started(t, r, "a")
	for target, want := range map[string]string{"/host/proc": "/proc", "/sys": "/sys", "/etc/localtime": "/etc/localtime", "/data": local, "/null": "/dev/null"} {
		if got := a.at(target); got != want {
			t.Errorf("%s is %s, want %s", target, got, want)
		}
	}
	for _, f := range r.Files {
		if bytes.Contains(f.Content, []byte("the operator's")) {
			t.Errorf("%s is shipped", f.Path)
		}
	}
}

func TestMountsThatMeanNothingOnAServerAreRefused(t *testing.T) {
	home, err := os.UserHomeDir()
	must(t, err)
	for name, c := range map[string]struct {
		mount string
		want  []string
	}{
		"a home folder":                     {"~/.aws:/aws:ro", []string{"compose.yaml:4", "~/.aws", "under secrets:"}},
		"a home folder by HOME":             {"${HOME}/.ssh:/ssh:ro", []string{"compose.yaml:4", "~/.ssh", "under secrets:"}},
		"a path of Windows":                 {`C:\data:/data`, []string{"compose.yaml:4", "Windows"}},
		"a dangling link":                   {"./gone:/x:ro", []string{"compose.yaml:4", "./gone", "nowhere"}},
		"a link out of the project":         {"./out:/x:ro", []string{"compose.yaml:4", "./out", "out of the project"}},
		"such a link in a folder":           {"./links:/x:ro", []string{"compose.yaml:4", "links/hosts", "out of the project"}},
		"a link in a circle":                {"./circle:/x:ro", []string{"compose.yaml:4", "circle/again"}},
		"a read-only folder missing":        {"./none:/x:ro", []string{"compose.yaml:4", "does not exist"}},
		"a file that would become a folder": {"./nginx.conf:/etc/nginx/nginx.conf", []string{"compose.yaml:4", "nginx.conf", "empty folder"}},
		"a pipe":                            {"./pipe:/x", []string{"compose.yaml:4", "no file and no folder"}},
		"a large file":                      {"./large:/x:ro", []string{"compose.yaml:4", "256"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newProject(t, map[string]string{
				"compose.yaml": "services:\n  a:\n    image: a:1\n    volumes: ['" + c.mount + "']\n",
				"gone":         "-> nowhere", "out": "-> /etc/hosts", "links/hosts": "-> /etc/hosts", "circle/again": "-> ../circle",
			})
			must(t, mkfifo(filepath.Join(s.config.Root, "pipe")))
			large, err := os.Create(filepath.Join(s.config.Root, "large"))
			must(t, err)
			must(t, large.Truncate(256<<20+1))
			must(t, large.Close())
			s.refused(t, c.want...)
		})
	}
	s := newProject(t, map[string]string{"compose.yaml": "services:\n  a:\n    image: a:1\n    volumes:\n      - {type: bind, source: ./b, target: /b, bind: {create_host_path: false}}\n"})
	s.refused(t, "compose.yaml:5", "does not exist")
	rel, err := filepath.Rel(s.config.Root, filepath.Join(home, ".kube"))
	must(t, err)
	must(t, os.WriteFile(s.config.Compose.Files[0], []byte("services:\n  a:\n    image: a:1\n    volumes: [\""+rel+":/kube:ro\"]\n"), 0o600))
	s.refused(t, "compose.yaml:4", "home folder")
}

func TestEachMountedFileIsItself(t *testing.T) {
	s := newProject(t, map[string]string{
		"compose.yaml": `services:
  api:
    image: api:1
    entrypoint: ["/start.sh"]
    volumes: ["./api/app.conf:/etc/app.conf", "./a/config:/config:ro", "./start.sh:/start.sh", "./linked:/linked:ro"]
  worker:
    image: worker:1
    volumes: ["./worker/app.conf:/etc/app.conf", "./b/config:/config:ro"]
  store:
    image: store:1
    x-stackctl: {layer: data}
    volumes: ["./start.sh:/start.sh:ro", "./api/app.conf:/etc/app.conf:ro", "./a/config:/config:ro"]
`,
		"api/app.conf": "api", "worker/app.conf": "worker", "a/config/x": "a", "a/config/empty/": "", "b/config/x": "b", "b/config/y*": "#!/bin/sh\n",
		"start.sh*": "#!/bin/sh\n", "linked": "-> a/config",
	})
	r, err := s.read()
	must(t, err)
	api, worker, store := started(t, r, "api"), started(t, r, "worker"), started(t, r, "store")
	for at, want := range map[string]string{
		api.at("/etc/app.conf"): "api -r--r--r--", worker.at("/etc/app.conf"): "worker -r--r--r--", store.at("/etc/app.conf"): "api -r--r--r--",
		api.at("/config") + "/x": "a -r--r--r--", worker.at("/config") + "/x": "b -r--r--r--", worker.at("/config") + "/y": "#!/bin/sh\n -r-xr-xr-x",
		api.at("/start.sh"): "#!/bin/sh\n -r-xr-xr-x", store.at("/start.sh"): "#!/bin/sh\n -r-xr-xr-x",
		api.at("/config") + "/empty": " drwxr-xr-x", store.at("/config") + "/empty": " drwxr-xr-x", api.at("/linked") + "/x": "a -r--r--r--",
	} {
		f, ok := file(r, at)
		if got := string(f.Content) + " " + f.Mode.String(); !ok || got != want {
			t.Errorf("%s is %q (%t), want %q", at, got, ok, want)
		}
	}
	for _, v := range api.Volumes {
		if !v.ReadOnly {
			t.Errorf("%s could be written to, and would be lost with the release", v.Target)
		}
	}
	before := r.ID
	must(t, os.Chmod(filepath.Join(s.config.Root, "start.sh"), 0o640))
	if r, err = s.read(); err != nil || r.ID == before {
		t.Errorf("the execute bit does not count: %v", err)
	}
}

func TestALargeFileIsSentAsItIsRead(t *testing.T) {
	s := newProject(t, map[string]string{"compose.yaml": "services:\n  a:\n    image: a:1\n    volumes: [\"./geo.mmdb:/geo.mmdb:ro\", \"./geo:/geo:ro\"]\n",
		"geo.mmdb": strings.Repeat("0123456789abcdef", 2<<16), "geo/in.mmdb": strings.Repeat("fedcba9876543210", 2<<16)})
	r, err := s.read()
	must(t, err)
	a := started(t, r, "a")
	for _, at := range []string{a.at("/geo.mmdb"), a.at("/geo") + "/in.mmdb"} {
		f, ok := file(r, at)
		if !ok || f.Source == "" || f.Bytes != 2<<20 || len(f.Content) > 0 || f.Hash() != f.Sum || len(f.Sum) != 64 {
			t.Errorf("%s: %+v %t", at, f, ok)
		}
	}
	must(t, os.WriteFile(filepath.Join(s.config.Root, "geo.mmdb"), []byte(strings.Repeat("other", 1<<20)), 0o600))
	if two, err := s.read(); err != nil || two.ID == r.ID {
		t.Errorf("another content is the same release: %v", err)
	}
}

func TestConfigsSecretsAndFilesOfVariablesAreCarried(t *testing.T) {
	t.Setenv("SHOP_KEY", "from the environment 1")
	s := newProject(t, map[string]string{
		"compose.yaml": `services:
  a:
    image: a:1
    configs: [plain, {source: inline, target: /etc/inline.sh, mode: 0555}, fromenv]
    secrets: [key]
    label_file: ./labels
    env_file: [{path: ./raw.env, format: raw}, {path: ./gone.env, required: false}, ./plain.env]
    environment: {OVER: service}
configs:
  plain: {file: ./plain.conf}
  inline: {content: "port = ${PORT:-80}\n"}
  fromenv: {environment: SHOP_KEY}
secrets:
  key: {environment: SHOP_KEY}
`,
		"plain.conf": "plain\n", "labels": "of=${NOBODY:-team}\n", "raw.env": "RAW=$uper 'as it is'\nOVER=raw\n", "plain.env": "OVER=file\nTWICE=\"${RAW}\"\n",
	})
	r, err := s.read()
	must(t, err)
	a := started(t, r, "a")
	for target, want := range map[string]string{"/plain": "plain\n", "/etc/inline.sh": "port = 80\n", "/fromenv": "from the environment 1"} {
		if f, ok := file(r, a.at(target)); !ok || string(f.Content) != want || (f.Mode&0o111 != 0) != (target == "/etc/inline.sh") {
			t.Errorf("%s is %q %v %t", target, f.Content, f.Mode, ok)
		}
	}
	if a.Labels["of"] != "team" || a.Environment["RAW"] != "$uper 'as it is'" || a.Environment["OVER"] != "service" {
		t.Errorf("labels %v, environment %v", a.Labels, a.Environment)
	}
	if r.Known["key"] != "from the environment 1" || !slices.ContainsFunc(r.Files, func(f stack.File) bool { return f.Secret && strings.HasSuffix(f.Path, "/secrets/key") }) {
		t.Errorf("the secret is not shipped: %v", r.Known)
	}
	for name, c := range map[string]struct{ from, to, want string }{
		"external config":  {"plain: {file: ./plain.conf}", "plain: {external: true}", "compose.yaml:10: config plain is external"},
		"missing config":   {"file: ./plain.conf", "file: ./none.conf", "compose.yaml:10: config plain"},
		"unset secret":     {"key: {environment: SHOP_KEY}", "key: {environment: SHOP_NONE}", "compose.yaml:14: secret key: the variable SHOP_NONE is not set"},
		"external secret":  {"key: {environment: SHOP_KEY}", "key: {external: true}", "compose.yaml:14: secret key is external"},
		"missing env file": {"./plain.env]", "./none.env]", "compose.yaml:7: service a: the env file ./none.env does not exist"},
		"missing labels":   {"./labels", "./none", "compose.yaml:6: service a: the label file ./none"},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(s.config.Compose.Files[0])
			must(t, err)
			must(t, os.WriteFile(s.config.Compose.Files[0], bytes.Replace(text, []byte(c.from), []byte(c.to), 1), 0o600))
			defer func() { must(t, os.WriteFile(s.config.Compose.Files[0], text, 0o600)) }()
			s.refused(t, c.want)
		})
	}
}

func TestAVolumeThatIsAFolderOfTheProjectIsPersistent(t *testing.T) {
	r, err := newProject(t, map[string]string{"compose.yaml": `services:
  a:
    image: a:1
    volumes: ["kept:/kept", "share:/share"]
volumes:
  kept: {driver_opts: {type: none, o: bind, device: "${PWD}/kept"}}
  share: {driver_opts: {type: nfs, o: "addr=10.0.0.9,rw", device: ":/export"}}
`}).read()
	must(t, err)
	for _, want := range []string{"device: /srv/shop/data/kept", "addr=10.0.0.9,rw", "device: :/export"} {
		if !bytes.Contains(r.Base, []byte(want)) {
			t.Errorf("base lacks %q:\n%s", want, r.Base)
		}
	}
	if len(r.Persistent) != 1 || r.Persistent[0].Path != "data/kept" {
		t.Errorf("persistent are %+v", r.Persistent)
	}
}
