// Command openid is the sandbox's OpenID provider (OpenID Connect Core 1.0,
// code flow with PKCE): its page asks who logs in, and whether the answer is to
// be a lie. It signs real tokens. It must not know the site beyond its client
// ID and the one address that it sends browsers back to.
package main

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

func run(args []string, errs io.Writer) int {
	flags := flag.NewFlagSet("openid", flag.ContinueOnError)
	flags.SetOutput(errs)
	listen := flags.String("listen", ":9000", "`address` to listen on")
	issuer := flags.String("issuer", "", "the provider's own `address`, as everybody reaches it")
	client := flags.String("client", "sandbox", "the client's `ID`")
	redirect := flags.String("redirect", "", "the one `address` that browsers are sent back to")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if *issuer == "" || *redirect == "" {
		fmt.Fprintln(errs, "openid: -issuer and -redirect are needed")
		return 2
	}
	p, err := newProvider(*issuer, *client, *redirect)
	if err != nil {
		fmt.Fprintln(errs, "openid:", err)
		return 1
	}
	server := &http.Server{Addr: *listen, Handler: p.handler(), ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 32 << 10}
	fmt.Fprintln(errs, "openid:", server.ListenAndServe())
	return 1
}
