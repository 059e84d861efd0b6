package redact

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// fifty are as many secrets as a large stack knows.
func fifty() map[string]string {
	rnd := rand.New(rand.NewPCG(7, 7))
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=_-"
	out := map[string]string{}
	for i := range 50 {
		var b strings.Builder
		for range 12 + rnd.IntN(40) {
			b.WriteByte(letters[rnd.IntN(len(letters))])
		}
		out[fmt.Sprintf("secret_%02d", i)] = b.String()
	}
	return out
}

// texts of the kinds that a run writes.
func benchText(kind string) []byte {
	var b strings.Builder
	for i := 0; b.Len() < 8<<20; i++ {
		switch kind {
		case "log":
			fmt.Fprintf(&b, "2026-01-02T03:04:05.%06dZ api-7f2c level=info msg=\"request done\" path=/api/users/me status=200 took=3.%dms\n", i, i%1000)
		case "json":
			fmt.Fprintf(&b, `{"seq":%d,"event":{"kind":"note","message":"container \"api-7f2c\" said: {\"level\":\"info\",\"n\":%d}"}}`+"\n", i, i)
		}
	}
	return []byte(b.String())
}

func BenchmarkBytes50Secrets(b *testing.B) {
	r := New(fifty())
	for _, kind := range []string{"log", "json"} {
		text := benchText(kind)
		b.Run(kind, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				r.Bytes(text)
			}
		})
	}
}

func BenchmarkWriter50Secrets(b *testing.B) {
	r := New(fifty())
	text := benchText("log")
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		w := r.Writer(io.Discard)
		for i := 0; i < len(text); i += 32 << 10 {
			_, _ = w.Write(text[i:min(len(text), i+32<<10)])
		}
		_ = w.Close()
	}
}

func BenchmarkNew50Secrets(b *testing.B) {
	known := fifty()
	for b.Loop() {
		New(known)
	}
}
