// Command release makes a release of stackctl: archives, packages, a Homebrew
// formula, bills of materials, the index that `stackctl version --check` asks,
// a list of sums and its signature. It owns what a release consists of and where
// things lie in a package; it must not know how a program is compiled, which
// scripts/build.sh does, nor where a release is served.
//
//	go run ./scripts/release -version v1.2.3 -key release.key
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"stackctl/pkg/stackctl/evidence"
	"stackctl/pkg/stackctl/stack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, out, errs io.Writer) int {
	r, key := &release{progress: out}, ""
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.StringVar(&r.version, "version", "", "the release's version, such as v1.2.3")
	flags.StringVar(&r.out, "out", "dist", "folder that gets the release; it must be empty or absent")
	flags.StringVar(&r.url, "url", "", "https address of the folder where the files will be served; without it there is no Homebrew formula")
	flags.StringVar(&r.index, "releases", "", "https address of the "+indexFile+" that the programs ask when they are asked to")
	flags.StringVar(&r.notes, "notes", "", "https address where the release's changes are told")
	flags.StringVar(&r.maintainer, "maintainer", "stackctl maintainers <stackctl@localhost>", "whom the packages name")
	flags.StringVar(&key, "key", "", "ed25519 key that signs the release (`file`); "+evidence.KeyVariable+" goes before it")
	platforms := flags.String("platforms", strings.Join(everyPlatform, ","), "what to make it for, as GOOS/GOARCH")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	err := r.prepare(ctx, key, strings.Split(*platforms, ","), flags.Args())
	if err == nil {
		err = r.produce(ctx)
	}
	if err == nil {
		return 0
	}
	fmt.Fprintln(errs, "release:", err)
	if stack.CauseOf(err) == stack.CauseUsage {
		return 2
	}
	return 1
}
