// Command shop is what a small team's image does, in one static program: pages, a
// store of its own in a volume, uploads in a folder, a worker and a migration. It
// owns nothing but its arguments; it must not know stackctl.
//
//	shop web       pages at :8080 that ask the books how many entries they hold
//	shop books     entries in /data and uploads in /uploads at :8081; one writer at a time
//	shop worker    notes in /inbox that it started, and goes on until it is told to stop
//	shop migrate   ends well
//	shop alive P   ends well where something listens at port P
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	role := ""
	if len(os.Args) >= 2 {
		role = os.Args[1]
	}
	var err error
	switch role {
	case "web":
		err = serve(ctx, ":8080", web())
	case "books":
		err = books(ctx)
	case "worker":
		if err = os.WriteFile("/inbox/started", nil, 0o600); err == nil {
			err = greet(ctx, ":2222", "SSH-2.0-shop\r\n")
		}
	case "alive":
		var c net.Conn
		if c, err = new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:"+os.Args[len(os.Args)-1]); err == nil {
			_ = c.Close()
		}
	case "migrate":
	default:
		err = fmt.Errorf("usage: shop web | books | worker | migrate | alive PORT")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
}

// greet says a word to whoever connects, until ctx ends.
func greet(ctx context.Context, address, word string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = listener.Close() })()
	for {
		c, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		_, _ = io.WriteString(c, word) // who has gone again hears nothing
		_ = c.Close()
	}
}

// serve answers until ctx ends, and lets what is on its way come to an end.
func serve(ctx context.Context, address string, h http.Handler) error {
	s := &http.Server{Addr: address, Handler: h, ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- s.ListenAndServe() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return s.Shutdown(limit)
}

func web() http.Handler {
	// The pages do without the books while those are away: their name is gone
	// then, and a resolver may take long to say so.
	asker := &http.Client{Timeout: 2 * time.Second}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		ask, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "http://books:8081/entries", http.NoBody)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		theme, _ := os.ReadFile("/theme/name")
		entries := "no books"
		if resp, err := asker.Do(ask); err == nil {
			text, _ := io.ReadAll(io.LimitReader(resp.Body, 100))
			_ = resp.Body.Close()
			entries = string(text)
		}
		fmt.Fprintf(w, "%s, theme %s, entries %s", os.Getenv("GREETING"), theme, entries)
	})
	mux.HandleFunc("GET /visitor", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Header.Get("X-Forwarded-For")) })
	mux.HandleFunc("POST /visitor", func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, "%q is heard", text)
	})
	mux.HandleFunc("GET /replica", func(w http.ResponseWriter, _ *http.Request) {
		name, _ := os.Hostname()
		fmt.Fprint(w, name)
	})
	mux.HandleFunc("GET /away/{status}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "away for a moment (%s)", r.PathValue("status"))
	})
	return mux
}

// books keeps one line an entry. A second writer on the same folder is refused,
// as a database refuses it.
func books(ctx context.Context) error {
	lock, err := os.OpenFile("/data/lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("another one writes to /data: %w", err)
	}
	if os.Getenv("EDITION") == "broken" {
		return errors.New("this edition ends at once")
	}
	file, err := os.OpenFile("/data/entries", os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	count := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		count++
	}
	var one sync.Mutex
	mux := http.NewServeMux()
	mux.HandleFunc("GET /entries", func(w http.ResponseWriter, _ *http.Request) {
		one.Lock()
		defer one.Unlock()
		w.Header().Set("Edition", os.Getenv("EDITION"))
		fmt.Fprint(w, count)
	})
	mux.HandleFunc("POST /entries", func(w http.ResponseWriter, _ *http.Request) {
		one.Lock()
		defer one.Unlock()
		if _, err := fmt.Fprintln(file, time.Now().UnixNano()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if err := file.Sync(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		count++
		w.WriteHeader(http.StatusCreated)
	})
	mux.HandleFunc("PUT /uploads/{name}", func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err == nil {
			err = os.WriteFile(filepath.Join("/uploads", filepath.Base(r.PathValue("name"))), text, 0o600)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	mux.Handle("GET /uploads/", http.StripPrefix("/uploads/", http.FileServer(http.Dir("/uploads"))))
	return serve(ctx, ":8081", mux)
}
