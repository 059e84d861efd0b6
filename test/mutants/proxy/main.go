// Command proxy stands in front of services in a droplet and misbehaves as the
// rules in a file say. Each argument is PORT=URL.
package main

import (
	"flag"
	"log"
	"net/http"
	"net/url"
	"strings"
	"time"

	"stackctl/test/mutants/fault"
)

func main() {
	rules := flag.String("rules", "/rules/rules.json", "file with the rules")
	flag.Parse()
	ended := make(chan error)
	for _, arg := range flag.Args() {
		port, to, _ := strings.Cut(arg, "=")
		target, err := url.Parse(to)
		if err != nil {
			log.Fatal(err)
		}
		s := &http.Server{Addr: ":" + port, Handler: fault.New(target, *rules), ReadHeaderTimeout: 10 * time.Second}
		go func() { ended <- s.ListenAndServe() }()
	}
	log.Fatal(<-ended)
}
