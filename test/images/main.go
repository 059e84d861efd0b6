// Command images gets the container images of the stack and of the sandbox as
// archives. Where a registry answers it pulls; where none does it builds
// stand-ins from Go modules, Debian packages and npm packages. It owns how an
// image is made and cached; it must not know how one is shipped or run.
//
//	go run ./test/images            everything but the application
//	go run ./test/images redis      one image
//	go run ./test/images server     the application's image
//	go run ./test/images newest     a server with the newest Docker Engine
//	go run ./test/images projects   what those of test/projects/twelve run that make test deploys
//	go run ./test/images twelve     what the others of them run
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("images", flag.ContinueOnError)
	flags.SetOutput(stderr)
	out := flags.String("out", "build", "folder that gets images/ and sandbox/")
	cache := flags.String("cache", defaultCache(), "folder that keeps what was built")
	build := flags.Bool("build", false, "build even where a registry answers")
	refresh := flags.Bool("refresh", false, "ignore what the cache holds")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	root, err := repository()
	if err != nil {
		fmt.Fprintln(stderr, "images:", err)
		return 2
	}
	chosen, err := choose(recipes(), flags.Args())
	if err != nil {
		fmt.Fprintln(stderr, "images:", err)
		return 2
	}
	m := &maker{
		root: root, out: *out, cache: *cache,
		neverPull: *build, refresh: *refresh, progress: newProgress(stdout),
	}
	if err := m.all(ctx, chosen); err != nil {
		fmt.Fprintln(stderr, "images:", err)
		return 1
	}
	return 0
}

// defaultCache is where built images are kept between checkouts.
func defaultCache() string {
	base := os.Getenv("XDG_CACHE_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			home = os.TempDir()
		}
		base = filepath.Join(home, ".cache")
	}
	return filepath.Join(base, "stackctl", "images")
}

// repository is the folder of the go.mod that this program belongs to.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module stackctl\n") {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("not inside the stackctl repository; run it from there")
		}
	}
}

// choose picks recipes by name or group; without names all that are not on request only.
func choose(all []recipe, names []string) ([]recipe, error) {
	var chosen []recipe
	if len(names) == 0 {
		for _, r := range all {
			if !r.onRequest && r.group == "" {
				chosen = append(chosen, r)
			}
		}
		return chosen, nil
	}
	known := make(map[string][]recipe)
	var list []string
	for _, r := range all {
		known[r.name] = append(known[r.name], r)
		list = append(list, r.name)
		if r.group != "" {
			known[r.group] = append(known[r.group], r)
		}
	}
	for _, n := range names {
		if known[n] == nil {
			return nil, fmt.Errorf("no image %q; there are %s", n, strings.Join(list, ", "))
		}
		chosen = append(chosen, known[n]...)
	}
	return chosen, nil
}
