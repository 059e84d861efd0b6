//go:build e2e

package e2e

import (
	"crypto/tls"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/websocket"
)

// talk is a conversation over WebSockets: each word is answered with how much
// has been said. It is begun anew where it breaks.
type talk struct {
	answered, lost, begun int
	longest               time.Duration // between two answers
}

// talks says something ten times a second until the returned function ends it.
func talks(t *testing.T, host string) (end func() talk) {
	t.Helper()
	settings, err := websocket.NewConfig("wss://"+host+"/ws", "https://"+host)
	if err != nil {
		t.Fatal(err)
	}
	roots := client(t).Transport.(*http.Transport).TLSClientConfig.RootCAs
	open := func() (*websocket.Conn, error) {
		conn, err := tls.Dial("tcp", on(t).Address.String()+":443", &tls.Config{ServerName: host, RootCAs: roots, NextProtos: []string{"http/1.1"}})
		if err != nil {
			return nil, err
		}
		if err = conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			return nil, err
		}
		return websocket.NewClient(settings, conn)
	}
	stop, over := make(chan struct{}), make(chan talk, 1)
	go func() {
		var (
			seen talk
			ws   *websocket.Conn
			last = time.Now()
		)
		for tick := time.NewTicker(100 * time.Millisecond); ; {
			select {
			case <-stop:
				tick.Stop()
				if ws != nil {
					_ = ws.Close()
				}
				over <- seen
				return
			case <-tick.C:
			}
			if ws == nil {
				if ws, err = open(); err != nil {
					continue // the visitor's browser tries again as well
				}
				seen.begun++
			}
			var said string
			if err = ws.SetDeadline(time.Now().Add(30 * time.Second)); err == nil {
				err = websocket.Message.Send(ws, "hello")
			}
			if err == nil {
				err = websocket.Message.Receive(ws, &said)
			}
			if _, number := strconv.Atoi(said); err != nil || number != nil {
				seen.lost++
				_ = ws.Close()
				ws = nil
				continue
			}
			seen.answered++
			seen.longest = max(seen.longest, time.Since(last))
			last = time.Now()
		}
	}()
	return sync.OnceValue(func() talk {
		close(stop)
		return <-over
	})
}

// TestProjectsShareAServerAndOneHasWebSockets puts two projects of test/projects/twelve on one
// server: what one does is not felt by the other, nor by its open WebSockets.
func TestProjectsShareAServerAndOneHasWebSockets(t *testing.T) {
	inFull(t)
	bare(t)
	chat := team{name: "chat", env: "ROOM=lobby\n", images: []string{"projects/chat"}, decides: []string{"chat app recreate chat.localhost"}}
	pages := team{name: "pages", images: []string{"projects/nginx"}, decides: []string{"web app overlap pages.localhost"}}
	p, q, c := chat.own(t), pages.own(t), client(t)
	began := time.Now()
	for _, both := range []struct {
		team team
		p    *project
	}{{chat, p}, {pages, q}} {
		both.team.begin(both.p, both.team.name+".localhost")
		both.p.share()
		both.p.must(0, "provision", "--target", "sandbox")
		both.p.must(0, "deploy", "--target", "sandbox")
		t.Logf("%s is verified after %.1f s", both.team.name, time.Since(began).Seconds())
	}
	chat.page, chat.data, chat.waitsPage, chat.waitsData = "https://chat.localhost/", "https://chat.localhost/said", true, true
	pages.page = "https://pages.localhost/"
	written := 0
	// during has both projects visited while something is done to one of them.
	during := func(name string, part func()) (spoken talk) {
		t.Helper()
		chats, sites, speaks := chat.load(t, *p, c), pages.load(t, *q, c), talks(t, "chat.localhost")
		begun := time.Now()
		part()
		took := time.Since(begun)
		spoken = speaks()
		seen, wrote := chats()
		visits, _ := sites()
		t.Logf("%s, %.1f s: chat: %d visits, %d lost, the longest %s; %d writes, %d lost, the longest %s; %d words, %d lost, %d connections, the longest silence %s; pages: %d visits, %d lost, the longest %s",
			name, took.Seconds(), seen.answered, seen.lost, seen.longest.Round(time.Millisecond), wrote.answered, wrote.lost, wrote.longest.Round(time.Millisecond),
			spoken.answered, spoken.lost, spoken.begun, spoken.longest.Round(time.Millisecond), visits.answered, visits.lost, visits.longest.Round(time.Millisecond))
		chat.judge(t, "visits", seen, true, 0)
		chat.judge(t, "writes", wrote, true, 0)
		pages.judge(t, "visits", visits, false, 0)
		written = chat.holds(t, *p, c, written+wrote.answered+spoken.answered, wrote.lost+spoken.lost)
		return spoken
	}
	undisturbed := func(s talk) {
		t.Helper()
		if s.lost > 0 || s.begun != 1 || s.answered == 0 {
			t.Errorf("%d words of %d were lost over %d connections, though the other project changed", s.lost, s.lost+s.answered, s.begun)
		}
	}
	undisturbed(during("the pages change", func() {
		q.edit("site/index.html", "Tuesdays", "Fridays")
		q.must(0, "deploy", "--target", "sandbox")
	}))
	pages.shows(t, c, "Fridays")
	if s := during("the chat changes", func() {
		p.write(".env", "ROOM=salon\n")
		p.must(0, "deploy", "--target", "sandbox")
	}); s.begun < 2 || s.lost > 1 {
		t.Errorf("%d words were lost over %d connections", s.lost, s.begun)
	}
	chat.shows(t, c, "Chat in the salon")
	undisturbed(during("a bad release of the pages", func() {
		q.edit("nginx.conf", "listen 80;", "listen 80")
		q.must(4, "deploy", "--target", "sandbox")
	}))
	undisturbed(during("a rollback of the pages", func() { q.must(0, "rollback", "--target", "sandbox") }))
	pages.shows(t, c, "Tuesdays")
	during("a rollback of the chat", func() { p.must(0, "rollback", "--target", "sandbox") })
	chat.shows(t, c, "Chat in the lobby")
	for _, each := range []*project{p, q} {
		each.must(0, "verify", "--target", "sandbox")
	}
}
