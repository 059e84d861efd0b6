package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// settings are the editions of the services that a round changes. They only
// grow, so that each change is one that the host has not seen.
type settings struct{ web, books int }

// firsts are the services of every project; the small ones come on top.
var firsts = []string{"web", "books", "db"}

// The ports of web and books are published, as a team does that has no edge;
// stackctl has routes instead.
const head = `services:
  web:
    image: shop/app:1
    command: web
    restart: unless-stopped
    ports: ["%d:8080"]
    environment: {GREETING: "edition %d"}
    depends_on: {books: {condition: service_started}}
  books:
    image: shop/app:1
    command: books
    restart: unless-stopped
    ports: ["%d:8081"]
    environment: {EDITION: "edition %d"}
    volumes: ["entries:/data", "uploads:/uploads"]
    depends_on: {db: {condition: service_healthy}}
  db:
    image: postgres:16
    restart: unless-stopped
    environment: {POSTGRES_PASSWORD: jolly-otter-4-bridge}
    volumes: ["pg:/var/lib/postgresql/data"]
    healthcheck: {test: ["CMD-SHELL", "pg_isready -U postgres"], interval: 2s, retries: 30}
`

const tail = `volumes:
  entries: {}
  uploads: {}
  pg: {}
`

// composeFile is a project of n services. Every second small one has a health
// check, and every fourth waits for the one before it.
func composeFile(n int, ports [2]int, s settings) string {
	var out strings.Builder
	fmt.Fprintf(&out, head, ports[0], s.web, ports[1], s.books)
	for i := range n - len(firsts) {
		fmt.Fprintf(&out, "  part-%02d:\n    image: shop/app:1\n    command: web\n    restart: unless-stopped\n", i+1)
		if i%2 == 0 {
			out.WriteString("    healthcheck: {test: [\"CMD\", \"/shop\", \"migrate\"], interval: 2s, retries: 30}\n")
		}
		if i%4 == 1 {
			fmt.Fprintf(&out, "    depends_on: {part-%02d: {condition: service_healthy}}\n", i)
		}
	}
	return out.String() + tail
}

const stackctlFile = `project: bench
policy: standard
compose: {files: [compose.yaml]}
images: {archives: images}
routes:
  - {service: web, port: 8080}
`

const booksRoute = "  - {host: books, service: books, port: 8081}\n"

// write writes the project of n services as it is now.
func (h *host) write(n int, ports [2]int) error {
	return h.files(map[string]string{"compose.yaml": composeFile(n, ports, h.settings), "stackctl.yaml": stackctlFile + booksRoute})
}

// writeBuilt writes a project of two services, one of which is built of a
// program and 200 files.
func (h *host) writeBuilt() error {
	program, err := os.ReadFile("build/shop")
	if err != nil {
		return err
	}
	files := map[string]string{"stackctl.yaml": stackctlFile, "app/shop": string(program),
		"app/Dockerfile": "FROM scratch\nCOPY shop /shop\nCOPY pages /pages\nENTRYPOINT [\"/shop\"]\n",
		"compose.yaml": "services:\n  web:\n    build: ./app\n    command: web\n    ports: [\"8080:8080\"]\n" +
			"  books:\n    image: shop/app:1\n    command: web\n"}
	for i := range 200 {
		files[fmt.Sprintf("app/pages/%03d.html", i)] = strings.Repeat(fmt.Sprintf("page %d\n", i), 1000)
	}
	if err := h.files(files); err != nil {
		return err
	}
	return os.Chmod(filepath.Join(h.dir, "app", "shop"), 0o755)
}

func (h *host) files(files map[string]string) error {
	for name, text := range files {
		file := filepath.Join(h.dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
