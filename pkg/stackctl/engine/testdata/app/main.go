// Command app is what the engine's tests run in containers: it serves, checks
// itself, fails, or echoes, as its first argument says.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	switch verb := arg(1); verb {
	case "serve":
		serve()
	case "health":
		health()
	case "sleep":
		fmt.Println("sleeping")
		wait()
	case "print":
		fmt.Println(arg(2))
		fmt.Fprintln(os.Stderr, "to stderr")
	case "resolve":
		list, err := net.LookupHost(arg(2))
		fmt.Println(list, err)
	case "fail":
		code, _ := strconv.Atoi(arg(2))
		fmt.Println("failing on purpose")
		fmt.Fprintln(os.Stderr, "reason: asked to")
		os.Exit(code)
	case "sick":
		fmt.Println("database is away")
		os.Exit(1)
	case "cat":
		_, _ = io.Copy(os.Stdout, os.Stdin)
	case "flood":
		n, _ := strconv.Atoi(arg(2))
		for range n {
			fmt.Println("0123456789012345678901234567890123456789012345678901234567890123456")
		}
	default:
		fmt.Fprintf(os.Stderr, "unknown verb %q\n", verb)
		os.Exit(64)
	}
}

func arg(i int) string {
	if i < len(os.Args) {
		return os.Args[i]
	}
	return ""
}

func serve() {
	go func() {
		err := http.ListenAndServe(":8080", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintln(w, "ok")
		}))
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}()
	fmt.Println("serving")
	wait()
}

func wait() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
}

func health() {
	c := http.Client{Timeout: time.Second}
	res, err := c.Get("http://127.0.0.1:8080/")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	res.Body.Close()
	fmt.Println("fine")
}
