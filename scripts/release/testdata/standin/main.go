// Command standin stands in for stackctl where packages are tested: it is small,
// and says and writes what a package needs.
package main

import "os"

func main() {
	say := func(s string) { _, _ = os.Stdout.WriteString(s) }
	switch args := append(os.Args[1:], "", ""); args[0] {
	case "version":
		say("stackctl v1.2.3\n")
	case "completion":
		say("# the completion of " + args[1] + "\n")
	case "man":
		if os.MkdirAll(args[1], 0o755) != nil {
			os.Exit(1)
		}
		for _, page := range []string{"stackctl", "stackctl-deploy"} {
			if os.WriteFile(args[1]+"/"+page+".1", []byte(".TH \""+page+"\" \"1\"\n"), 0o644) != nil {
				os.Exit(1)
			}
		}
	default:
		os.Exit(2)
	}
}
