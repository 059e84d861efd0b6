// Command stackctl deploys a Docker Compose stack over SSH and proves that it is good.
package main

import (
	"os"

	"stackctl/pkg/stackctl/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
