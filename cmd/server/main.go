// Command server is the site: one binary, one role per process.
package main

import (
	"os"

	"stackctl/pkg/server/role"
)

func main() {
	os.Exit(role.Main(os.Args[1:], os.LookupEnv, os.Stdin, os.Stdout, os.Stderr))
}
