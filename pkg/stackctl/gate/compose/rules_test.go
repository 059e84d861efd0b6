package compose

import (
	"testing"
)

func TestHollowChecks(t *testing.T) {
	for text, hollow := range map[string]bool{
		"/server healthcheck worker":                         false,
		"/server healthcheck worker || exit 1":               false,
		"curl -f http://x && exit 0 || exit 1":               false,
		"[ \"$(/server x)\" = ok ]":                          false,
		"wget -qO- http://x | grep -q ok":                    false,
		"echo ask && pg_isready":                             false,
		"test -f /tmp/ready":                                 false,
		"/server x || (true)":                                true,
		"/server x | cat":                                    true,
		"/server x &":                                        true,
		"/server x || exit 0 # fine":                         true,
		"/server x\ntrue":                                    true,
		"if /server x; then exit 0; else exit 0; fi":         true,
		"exec true":                                          true,
		"true && true":                                       true,
		"! false":                                            true,
		"kill -0 1":                                          true,
		"if /server x; then exit 0; else exit 1; fi":         false,
		"python3 -c 'import sys; sys.exit(ask())'":           false,
		"nc -z 127.0.0.1 80; test $? -eq 0":                  false,
		"REDISCLI_AUTH=$(cat /x) redis-cli ping | grep PONG": false,
	} {
		if got := hollowCheck([]string{"CMD-SHELL", text}); got != hollow {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestGuessable(t *testing.T) {
	for value, weak := range map[string]bool{"Password123!": true, "aaaaaaaaaaaa": true, "1234567890123": true, "correct-horse-battery": false, "k3J9x!pQ2mZ": false} {
		if got := guessable(value) != ""; got != weak {
			t.Errorf("%s: %v", value, got)
		}
	}
}

func TestByteSizes(t *testing.T) {
	for text, want := range map[string]float64{"10m": 10 << 20, "64MiB": 64 << 20, "1.5gb": 1.5 * (1 << 30), "100": 100, "1t": 1 << 40} {
		if got, ok := byteSize(text); !ok || got != want {
			t.Errorf("%s: %v %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "-", "off", "many"} {
		if _, ok := byteSize(text); ok {
			t.Errorf("%q is no size", text)
		}
	}
}
