// Command page writes the page of rules to the file that its argument names.
package main

import (
	"fmt"
	"os"

	"stackctl/pkg/stackctl/gates"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: page FILE")
		os.Exit(2)
	}
	if err := os.WriteFile(os.Args[1], []byte(gates.Page()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
