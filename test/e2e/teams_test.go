//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// edited changes a file of the project.
func edited(name, from, to string) func(p project) {
	return func(p project) {
		p.t.Helper()
		p.edit(name, from, to)
	}
}

// settings adds lines to .env.
func settings(lines string) func(p project) {
	return func(p project) {
		p.t.Helper()
		p.write(".env", read(p.t, filepath.Join(p.root, ".env"))+lines)
	}
}

const storePasswords = "DB_PASSWORD=jolly-otter-4-bridge\n"

func TestProjectOfStaticPagesBehindItsNginx(t *testing.T) {
	team{
		name: "pages", images: []string{"projects/nginx"},
		decides: []string{"web app overlap stack.localhost"},
		page:    "/", first: "We sing on Tuesdays.", changed: "We sing on Fridays.",
		change: edited("site/index.html", "Tuesdays", "Fridays"),
		breaks: edited("nginx.conf", "listen 80;", "listen 80"), exit: 4,
		kept: func(p project) {
			c := client(p.t)
			for _, paper := range []string{"1", "2", "3"} {
				expectBody(p.t, c, at("/papers/minutes-"+paper+".txt"), "Minutes of meeting "+paper+".\n")
			}
			if status, said := fetch(c, "GET", at("/nowhere")); status != 404 || said == "" {
				p.t.Errorf("a page that is not there answers %d %s", status, said)
			}
		},
	}.deployed(t)
}

func TestProjectOfPythonAndPostgresWithAMigration(t *testing.T) {
	inFull(t)
	team{
		name: "board", env: storePasswords, images: []string{"projects/board", "images/postgres"},
		decides: []string{"db data - -", "migrate app once", "web app overlap stack.localhost"},
		page:    "/", first: "Notices, by 2", changed: "What is new, by 2",
		change: settings("TITLE=What is new\n"),
		breaks: edited("docker-compose.yml", "python migrate.py", "python nothing.py"), exit: 4,
		data: "/notices", stores: []string{"db"},
	}.deployed(t)
}

func TestProjectOfPHPAndMariaDBWithAFolderOfUploads(t *testing.T) {
	inFull(t)
	team{
		name: "gallery", env: storePasswords + "DB_ROOT_PASSWORD=quiet-badger-9-river\n", images: []string{"projects/gallery", "projects/mariadb"},
		decides: []string{"db data - -", "www app recreate stack.localhost"},
		page:    "/", first: "Our gallery", changed: "Their gallery", waitsPage: true,
		change: settings("GALLERY_TITLE=Their gallery\n"),
		breaks: edited("docker-compose.yml", "DB_HOST: db", "DB_HOST: nowhere"), exit: 1,
		data: "/upload.php", waitsData: true, stores: []string{"db"},
	}.deployed(t)
}

func TestProjectOfOneProgramWithSQLiteAndASecondPort(t *testing.T) {
	inFull(t)
	team{
		name: "gitbox", env: "GITBOX_NAME=gitbox\n", images: []string{"projects/gitbox"},
		decides: []string{"gitbox app recreate stack.localhost", "port 2222:2222 stays published"},
		page:    "/", first: "gitbox: explore", changed: "forge: explore", waitsPage: true,
		change: edited(".env", "gitbox", "forge"),
		breaks: edited("compose.yml", "restart: always", "restart: always\n    user: \"1234\""), exit: 4,
		data: "/repositories", waitsData: true,
		kept: func(p project) {
			if said := greeting(p.t, "2222"); said != "SSH-2.0-gitbox\r\n" {
				p.t.Errorf("port 2222 says %q", said)
			}
		},
	}.deployed(t)
}

func TestProjectOfAppWorkerAndRedisWithoutHealthChecks(t *testing.T) {
	inFull(t)
	team{
		name: "press", env: "SHOP_NAME=The press\n", images: []string{"projects/press", "images/redis"},
		decides: []string{"app app overlap stack.localhost", "redis data - -", "worker app overlap -"},
		page:    "/", first: "The press prints", changed: "The other press prints",
		change: edited(".env", "The press", "The other press"),
		breaks: edited("docker-compose.yml", "python worker.py", "python nothing.py"), exit: 4,
		data: "/orders", stores: []string{"redis"},
	}.deployed(t)
}

func TestProjectBehindATraefikThatServesByLabels(t *testing.T) {
	inFull(t)
	team{
		name: "tracks", env: "TITLE=Tracks\n", images: []string{"projects/tracks"},
		decides: []string{"api app recreate api.stack.localhost/v1", "site app overlap stack.localhost", "traefik - - - left out"},
		page:    "/", first: "Tracks for walkers", changed: "Paths for walkers",
		change: func(p project) {
			edited(".env", "Tracks", "Paths")(p)
			edited("docker-compose.yml", "ROLE: api", "ROLE: api\n      LOG: debug")(p)
		},
		breaks: edited("docker-compose.yml", "    volumes:\n      - tracks:", "    command: [node, nothing.js]\n    volumes:\n      - tracks:"), exit: 4,
		data: "https://api." + domain + "/v1/tracks", waitsData: true,
	}.deployed(t)
}

func TestProjectBehindACaddyOfItsOwn(t *testing.T) {
	inFull(t)
	team{
		name: "tickets", env: "POSTGRES_PASSWORD=jolly-otter-4-bridge\n", images: []string{"projects/tickets", "projects/caddy", "images/postgres"},
		decides: []string{"api app overlap -", "caddy app recreate stack.localhost", "db data - -"},
		page:    "/api/season", first: "winter", changed: "summer", waitsPage: true,
		change: settings("SEASON=summer\n"),
		breaks: edited("Caddyfile", "encode gzip", "encode nothing"), exit: 4,
		data: "/api/tickets", waitsData: true, stores: []string{"db"},
		kept: func(p project) {
			if status, said := fetch(client(p.t), "GET", at("/buy")); status != 200 || said == "" {
				p.t.Errorf("the page answers %d %s", status, said)
			}
		},
	}.deployed(t)
}

func TestProjectOfExpressAndMongoDB(t *testing.T) {
	inFull(t)
	team{
		name: "recipes", env: "GREETING=Good appetite\n", images: []string{"projects/recipes", "projects/mongo"},
		decides: []string{"app app overlap stack.localhost", "mongo data - -", "port 27017:27017 is not published any more"},
		page:    "/", first: "Good appetite", changed: "Bon appetit",
		change: edited(".env", "Good appetite", "Bon appetit"),
		breaks: edited("docker-compose.yml", "mongodb://mongo:", "mongodb://nowhere:"), exit: 1, // it gives up half a minute later
		data: "/recipes", stores: []string{"mongo"},
	}.deployed(t)
}

// inRedis runs redis-cli with the project's Redis.
const inRedis = "docker exec -i $(docker ps -q --filter label=com.docker.compose.service=redis) redis-cli "

func TestProjectOfWorkersWithoutAPage(t *testing.T) {
	team{
		name: "workers", env: "SENDER=office@acme.test\n", images: []string{"projects/workers", "images/redis"},
		decides: []string{"mailer app overlap -", "redis data - -", "nothing is routed, and there is no edge"},
		asks:    func(p project) string { return onDroplet(p.t, inRedis+"GET mails-by") },
		first:   "office@acme.test", changed: "desk@acme.test",
		change: edited(".env", "office", "desk"),
		breaks: edited(".env", "desk@acme.test", "nobody"), exit: 4,
		puts: jobs, stores: []string{"redis"},
		count: func(p project) string {
			return onDroplet(p.t, inRedis+`EVAL "return (redis.call('GET', 'mails-done') or 0) + (redis.call('GET', 'reports-done') or 0)" 0`)
		},
	}.deployed(t)
}

// jobs puts work for both workers into Redis, ten times a second.
func jobs(p project) (end func() tally) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Minute)
	argv := on(p.t).SSH("root", inRedis)
	cmd := exec.Command(argv[0], argv[1:]...)
	in, err := cmd.StdinPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	sent, answered := make(chan int, 1), make(chan int, 1)
	go func() {
		n := 0
		for tick := time.NewTicker(100 * time.Millisecond); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				_ = in.Close()
				sent <- n
				return
			case <-tick.C:
				if _, err := io.WriteString(in, "LPUSH mails hello\nLPUSH reports weekly\n"); err == nil {
					n += 2
				}
			}
		}
	}()
	go func() {
		n := 0
		for lines := bufio.NewScanner(out); lines.Scan(); {
			n++
		}
		answered <- n
	}()
	return func() tally {
		cancel()
		put, got := <-sent, <-answered
		_ = cmd.Wait()
		return tally{answered: got, lost: put - got}
	}
}

func TestProjectThatBuildsAllItsServices(t *testing.T) {
	inFull(t)
	team{
		name: "ledger", env: storePasswords,
		decides: []string{"api app overlap - changes with every release; its image is built", "db data - -", "web app overlap stack.localhost"},
		page:    "/", first: "first edition", changed: "second edition",
		change: settings("EDITION=second\n"),
		breaks: edited("web/Dockerfile", "RUN node build.js", "RUN node nothing.js"), exit: 4,
		data: "/api/entries", stores: []string{"db"},
		prepare: func(p *project) {
			baseImages(p.t, "projects/node", "projects/nginx", "projects/python", "images/postgres")
		},
	}.deployed(t)
}

// baseImages loads what Dockerfiles begin with into this machine's Engine, and
// takes away in the end what that did not have.
func baseImages(t *testing.T, archives ...string) {
	t.Helper()
	list := func() []string {
		out, err := exec.Command("docker", "images", "--format", "{{.Repository}}:{{.Tag}}").Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(string(out))
	}
	before := list()
	t.Cleanup(func() {
		for _, image := range list() {
			if !slices.Contains(before, image) && (strings.HasPrefix(image, "ledger-") || slices.Contains([]string{"node:18", "nginx:1.27", "python:3.11-slim", "postgres:16"}, image)) {
				_ = exec.Command("docker", "rmi", image).Run()
			}
		}
	})
	e := localEngine(t, t.Context())
	for _, archive := range archives {
		loadArchive(t, t.Context(), e, filepath.Join(repo, "build", archive+".tar"))
	}
}
