package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"stackctl/pkg/stackctl/sandbox"
)

// pages is a project of two containers of a page, and a database.
const pages = `services:
  pages:
    image: shop/app:1
    command: web
    environment: {GREETING: "${GREETING:-hello}"}
    ports: ["3000:8080"]
    healthcheck: {test: [CMD, /shop, alive, "8080"], interval: 5s, start_interval: 1s, start_period: 10s}
    deploy: {replicas: 2}
  db:
    image: postgres:16
    environment: {POSTGRES_PASSWORD: jolly-otter-4, POSTGRES_DB: shop}
    volumes: ["pg:/var/lib/postgresql/data"]
    healthcheck: {test: [CMD-SHELL, "pg_isready -q -h 127.0.0.1 -U postgres -d shop"], interval: 5s, start_interval: 1s, start_period: 30s}
volumes: {pg: {}}
`

const settings = "project: shop\npolicy: standard\ncompose: {files: [compose.yaml]}\nimages: {archives: images}\nroutes:\n  - {service: pages, port: 8080}\n"

// deployed takes the figures of deploys to each number of droplets in a list.
func deployed(ctx context.Context, list string) error {
	fmt.Println("\n| droplets | provision | first deploy | nothing changed | one change |\n|---|---|---|---|---|")
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		if err := on(ctx, n); err != nil {
			return fmt.Errorf("%d droplets: %w", n, err)
		}
	}
	return nil
}

func on(ctx context.Context, droplets int) (err error) {
	root, err := os.MkdirTemp("", "stackctl-bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(root) }()
	if err := project(root); err != nil {
		return err
	}
	o := sandbox.Options{Dir: filepath.Join(root, ".stackctl", "sandbox"), Name: fmt.Sprintf("bench-cluster-%d", os.Getpid()), Images: "build/sandbox", Domain: "stack.localhost", Private: true}
	if droplets > 1 { // one is a server as it is without nodes
		o.Nodes = droplets
	}
	if _, err := sandbox.Up(ctx, o); err != nil {
		return err
	}
	defer func() { _ = sandbox.Down(context.WithoutCancel(ctx), o.Dir, false) }()
	row := []string{strconv.Itoa(droplets)}
	for i, verb := range []string{"provision", "deploy", "deploy", "deploy"} {
		var took []string
		times := 1
		if i > 1 {
			times = rounds
		}
		for round := range times {
			if i == 3 {
				if err := os.WriteFile(filepath.Join(root, ".env"), fmt.Appendf(nil, "GREETING=round %d\n", round), 0o600); err != nil {
					return err
				}
			}
			began := time.Now()
			if err := stackctl(ctx, root, verb); err != nil {
				return err
			}
			took = append(took, fmt.Sprintf("%.1f s", time.Since(began).Seconds()))
		}
		row = append(row, strings.Join(took, ", "))
	}
	fmt.Println("| " + strings.Join(row, " | ") + " |")
	return nil
}

// project writes the project, and links its images.
func project(root string) error {
	if err := os.MkdirAll(filepath.Join(root, "images"), 0o700); err != nil {
		return err
	}
	for _, image := range []string{"build/images/traefik.tar", "build/images/postgres.tar", "build/projects/shop.tar"} {
		at, err := filepath.Abs(image)
		if err != nil {
			return err
		}
		if err := os.Symlink(at, filepath.Join(root, "images", filepath.Base(image))); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{"compose.yaml": pages, "stackctl.yaml": settings} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func stackctl(ctx context.Context, root string, args ...string) error {
	binary, err := filepath.Abs("build/stackctl")
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("stackctl %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}
