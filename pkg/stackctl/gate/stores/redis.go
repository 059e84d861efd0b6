package stores

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/stack"
)

// maxGuesses is how many of the release's own secrets are tried as the password.
const maxGuesses = 40

func askRedis(ctx context.Context, s gate.Subject, l *look) error {
	if len(l.networks()) == 0 {
		return askRedisInside(ctx, s, l)
	}
	var users []string
	for _, network := range l.networks() {
		conn, err := l.dial(ctx, s, network)
		if err != nil {
			return fmt.Errorf("reach %s on network %s: %w", l.service.Name, network, err)
		}
		r := redis{conn, bufio.NewReader(conn)}
		l.answer.Inspected++
		reply, err := r.ask("PING")
		if err == nil && reply == "PONG" {
			l.tell(passwordRule, "it answers without a password", "a password for everyone on network "+network, "PONG without a sign-in")
		}
		if err == nil && users == nil {
			users, err = r.users(s.Release.Known)
		}
		_ = conn.Close()
		if err != nil {
			return fmt.Errorf("ask %s on network %s: %w", l.service.Name, network, err)
		}
	}
	if users == nil {
		l.answer.Attempts = append(l.answer.Attempts, stack.Attempt{At: time.Now(), Result: "the users of " + l.service.Name + " were not listed: none of the release's secrets opens it"})
	}
	l.answer.Inspected += len(users)
	for _, user := range users {
		words := strings.Fields(user)
		if len(words) > 2 && words[1] != "default" && slices.Contains(words, "on") && slices.Contains(words, "nopass") {
			l.tell(passwordRule, "its user "+words[1]+" needs no password", "a password for every user that is on", "nopass")
		}
	}
	return nil
}

// askRedisInside asks one that no node reaches, as on a cluster's network without a way
// out, from inside of its container: what it asks a neighbour for, it asks there for too.
func askRedisInside(ctx context.Context, s gate.Subject, l *look) error {
	out, err := s.Server.Exec(ctx, l.container.ID, "env", "-u", "REDISCLI_AUTH", "redis-cli", "-p", strconv.Itoa(l.port), "PING")
	if err != nil {
		return fmt.Errorf("ask %s inside its container: %w", l.service.Name, err)
	}
	reply := strings.TrimSpace(string(out.Stdout))
	switch {
	case strings.Contains(reply, "NOAUTH"):
	case reply == "PONG":
		l.tell(passwordRule, "it answers without a password", "a password for everyone", "PONG without a sign-in")
	default:
		return fmt.Errorf("ask %s inside its container: exit code %d: %s", l.service.Name, out.Exit, stack.Short(reply+string(out.Stderr), 200))
	}
	l.answer.Inspected++
	l.answer.Attempts = append(l.answer.Attempts, stack.Attempt{At: time.Now(), Result: "the users of " + l.service.Name + " were not listed: no node reaches it"})
	return nil
}

// redis is one connection, and what it answers (RESP 2).
type redis struct {
	conn net.Conn
	in   *bufio.Reader
}

// users lists the users (ACL LIST), after a sign-in with one of the release's
// own secrets where one is asked for; nil: none opens it.
func (r redis) users(known map[string]string) ([]string, error) {
	list, err := r.list()
	if list != nil || err != nil {
		return list, err
	}
	for i, name := range slices.Sorted(maps.Keys(known)) {
		if i == maxGuesses {
			break
		}
		reply, err := r.ask("AUTH", strings.TrimSpace(known[name]))
		if err != nil {
			return nil, err
		}
		if reply == "OK" {
			return r.list()
		}
	}
	return nil, nil
}

// list is the answer to ACL LIST; nil where it is refused.
func (r redis) list() ([]string, error) {
	reply, err := r.ask("ACL", "LIST")
	if err != nil || !strings.HasPrefix(reply, "*") {
		return nil, err
	}
	count, _ := strconv.Atoi(reply[1:])
	out := make([]string, 0, min(max(count, 0), 1000))
	for range min(count, 1000) {
		line, err := r.reply()
		if err != nil {
			return nil, err
		}
		out = append(out, line)
	}
	return out, nil
}

// ask sends a command and reads the answer's first line.
func (r redis) ask(words ...string) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	if _, err := io.WriteString(r.conn, b.String()); err != nil {
		return "", err
	}
	return r.reply()
}

// reply is a simple string, a bulk string, an error with its "-", or the head of
// an array with its "*".
func (r redis) reply() (string, error) {
	line, err := r.in.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	switch {
	case strings.HasPrefix(line, "+"):
		return line[1:], nil
	case strings.HasPrefix(line, "$"):
		n, err := strconv.Atoi(line[1:])
		if err != nil || n < 0 || n > 1<<20 {
			return "", errors.New("it does not speak as Redis does")
		}
		bulk := make([]byte, n+2)
		_, err = io.ReadFull(r.in, bulk)
		return string(bulk[:n]), err
	case line == "" || !strings.ContainsAny(line[:1], "-*:"):
		return "", errors.New("it does not speak as Redis does")
	}
	return line, nil
}
