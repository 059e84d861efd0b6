package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"testing"

	"stackctl/pkg/server/apptest"
	"stackctl/pkg/server/testdb"
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(testdb.Run(m))
}

// member is somebody with each second factor, who logs in from a network of their own.
type member struct {
	browser *apptest.Browser
	email   string
	app     *apptest.Authenticator
	key     *apptest.Key
}

// members makes so many: a code of an app is taken once, so that each logs in with one
// once. The site, its stores and the visitors share the process and the machine.
func members(b *testing.B, n int) []member {
	b.Helper()
	s := apptest.New(b)
	s.Start("api")
	all := make([]member, n)
	for i := range all {
		m := member{browser: s.Browser(), email: fmt.Sprintf("member%d@example.com", i)}
		m.browser.Header.Set("X-Forwarded-For", forwarded())
		m.browser.Enter(m.email)
		m.app = m.browser.SetUpFactor()
		m.key, _ = m.browser.AddPasskey("Key")
		m.browser = m.browser.Fresh()
		all[i] = m
	}
	return all
}

// BenchmarkLogIn logs in by each way, ten visitors at a time. What counts is the CPU time:
// a code waits for its half minute.
//
//	go test -run none -bench LogIn -benchtime 300x ./test/bench/app
func BenchmarkLogIn(b *testing.B) {
	for _, way := range []struct {
		name string
		in   func(*testing.B, member)
	}{
		{"password", func(b *testing.B, m member) {
			m.browser.LogIn(m.email, apptest.GoodPassword).Want(b, http.StatusUnauthorized) // the code is missing
		}},
		{"password and code", func(b *testing.B, m member) {
			m.browser.LogIn(m.email, apptest.GoodPassword).Want(b, http.StatusUnauthorized)
			m.browser.EnterCode(m.app.Next()).Want(b, http.StatusOK)
		}},
		{"password and passkey", func(b *testing.B, m member) {
			m.browser.LogIn(m.email, apptest.GoodPassword).Want(b, http.StatusUnauthorized)
			m.browser.UsePasskey("/auth/login/passkey", m.key).Want(b, http.StatusOK)
		}},
		{"passkey", func(b *testing.B, m member) { m.browser.UsePasskey("/auth/passkey", m.key).Want(b, http.StatusOK) }},
	} {
		b.Run(way.name, func(b *testing.B) {
			all := members(b, b.N)
			var next atomic.Int64
			b.SetParallelism(5)
			before := spent([]int{os.Getpid()})[0]
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					m := all[next.Add(1)-1]
					m.browser.Header.Set("X-Forwarded-For", forwarded())
					way.in(b, m)
				}
			})
			b.ReportMetric(ms(spent([]int{os.Getpid()})[0]-before)/float64(b.N), "CPU-ms/login")
		})
	}
}

// BenchmarkSignUpsToOneMailbox signs the same address up again and again, each time
// from another network, and tells how many mails that sends:
//
//	go test -run none -bench OneMailbox -benchtime 1000x ./test/bench/app
func BenchmarkSignUpsToOneMailbox(b *testing.B) {
	s := apptest.New(b)
	box := s.Mailbox()
	s.Start("api", "worker")
	for range b.N {
		v := s.Browser()
		v.Header.Set("X-Forwarded-For", forwarded())
		v.SignUp("ada@example.com", apptest.GoodPassword)
	}
	s.Settled("mail")
	b.ReportMetric(float64(len(box.All())), "mails")
}
