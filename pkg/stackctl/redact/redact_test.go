package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const marker = "an-unrelated-marker-7f3a"

// secrets are values of the kinds that a deployment knows.
var secrets = map[string]string{
	"postgres_password": `p@ss "w'rd"\+/=&<€>100%`,
	"redis_password":    "Zx81-kLmn_0qwerty",
	"six":               "k9!xQz",
	"dollar":            "ab$cd$ef$gh",
	"key": "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIFakeFakeFakeFakeFakeFakeFakeFakeFakeFakeFak\n" +
		"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=\n-----END PRIVATE KEY-----\n",
}

// encodings are the ways in which a value leaves by accident (GATES.md G10).
var encodings = map[string]func(string) string{
	"raw":        func(s string) string { return s },
	"base64":     func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64+1":   func(s string) string { return base64.StdEncoding.EncodeToString([]byte("x" + s)) },
	"base64+2":   func(s string) string { return base64.StdEncoding.EncodeToString([]byte("xy" + s)) },
	"base64tail": func(s string) string { return base64.StdEncoding.EncodeToString([]byte("user:" + s + "@host")) },
	"base64raw":  func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) },
	"base64url":  func(s string) string { return base64.URLEncoding.EncodeToString([]byte("a" + s)) },
	"base64mime": func(s string) string { return wrap(base64.StdEncoding.EncodeToString([]byte(s)), 20) },
	"base64comment": func(s string) string {
		return strings.ReplaceAll(wrap(base64.StdEncoding.EncodeToString([]byte("xy"+s)), 20), "\r\n", "\n  # ")
	},
	"hex":         func(s string) string { return hex.EncodeToString([]byte(s)) },
	"HEX":         func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
	"query":       url.QueryEscape,
	"path":        url.PathEscape,
	"percent":     func(s string) string { return eachByte(s, "%%%02X") },
	"percentlow":  func(s string) string { return eachByte(s, "%%%02x") },
	"percentsome": percentSome,
	"plus":        func(s string) string { return strings.ReplaceAll(s, " ", "+") },
	"url":         func(s string) string { return "postgres://user:" + url.QueryEscape(s) + "@db:5432/app" },
	"json":        func(s string) string { return jsonOf(s) },
	"jsonjson":    func(s string) string { return jsonOf(jsonOf(s)) },
	"json3":       func(s string) string { return jsonOf(jsonOf(jsonOf(s))) },
	"u00xx":       func(s string) string { return eachByte(s, `\u%04x`) },
	"U00XX":       func(s string) string { return eachByte(s, `\u%04X`) },
	"xml":         func(s string) string { return html.EscapeString(s) },
	"xmldec":      func(s string) string { return eachRune(s, "&#%d;") },
	"xmlhex":      func(s string) string { return eachRune(s, "&#x%x;") },
	"shell":       func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" },
	"shell2":      shellBackslash,
	"compose":     func(s string) string { return strings.ReplaceAll(s, "$", "$$") },
	"goquote":     func(s string) string { return fmt.Sprintf("%q", s) },
	"queryjson":   func(s string) string { return url.QueryEscape(jsonOf(s)) },
	"percent2":    func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
	"base64x2": func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte("q" + base64.StdEncoding.EncodeToString([]byte(s))))
	},
	"base64json": func(s string) string { return base64.StdEncoding.EncodeToString([]byte(`{"p":` + jsonOf(s))) },
	"lines":      func(s string) string { return strings.ReplaceAll(s, "\n", "\nlog | ") },
	"indented":   func(s string) string { return strings.ReplaceAll(s, "\n", "\n      ") },
}

func jsonOf(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func wrap(s string, n int) string {
	var b strings.Builder
	for len(s) > n {
		b.WriteString(s[:n] + "\r\n")
		s = s[n:]
	}
	return b.String() + s
}

// percentSome escapes every second byte, in mixed case.
func percentSome(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch {
		case i%4 == 0 || strings.IndexByte(`%\&`, s[i]) >= 0:
			fmt.Fprintf(&b, "%%%02x", s[i])
		case i%4 == 2:
			fmt.Fprintf(&b, "%%%02X", s[i])
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func shellBackslash(s string) string {
	var b strings.Builder
	for _, c := range s {
		if c < 0x80 && c != '\n' && !isAlnum(byte(c)) {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// around puts an encoded value into a text that must survive.
func around(encoded string) string { return marker + " <" + encoded + "> " + marker }

// leaks reports what is left of the encoded secret: the text outside the
// mask, with one or two border characters of base64 allowed.
func leaks(t *testing.T, encoded, got string) {
	t.Helper()
	if strings.Count(got, marker) != 2 {
		t.Errorf("the marker did not survive: %q", got)
	}
	body := strings.TrimSuffix(strings.TrimPrefix(got, marker+" <"), "> "+marker)
	if !strings.Contains(body, "[redacted:") {
		t.Fatalf("nothing was masked in %q", got)
	}
	for n := 0; n+8 <= len(encoded); n++ {
		piece := encoded[n : n+8]
		if strings.Contains(body, piece) && secretPiece(piece) {
			t.Errorf("%q leaks in %q", piece, body)
			return
		}
	}
}

// secretPiece tells a piece of the secret from the framing that a test adds.
func secretPiece(piece string) bool {
	for _, frame := range []string{base64.StdEncoding.EncodeToString([]byte(`{"p":"`)), "\nlog | ", "QGhvc3Q=", "pAaG9zdA==",
		"postgres://user:", "@db:5432/app", "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "log | ",
		base64.StdEncoding.EncodeToString([]byte("user:")), base64.StdEncoding.EncodeToString([]byte("@host"))} {
		if strings.Contains(frame, piece) || strings.Contains(piece, "--") || strings.Contains(piece, " KEY") || strings.Contains(piece, "log | ") {
			return false
		}
	}
	return true
}

func TestEveryEncodingIsMasked(t *testing.T) {
	r := New(secrets)
	for name, value := range secrets {
		for kind, encode := range encodings {
			t.Run(name+"/"+kind, func(t *testing.T) {
				encoded := encode(strings.TrimSpace(value))
				got := r.String(around(encoded))
				leaks(t, encoded, got)
			})
		}
	}
}

func TestWriterCatchesEverySplit(t *testing.T) {
	r := New(secrets)
	for name, value := range secrets {
		for kind, encode := range encodings {
			text := around(encode(strings.TrimSpace(value)))
			want := r.String(text)
			for at := range len(text) {
				if got := written(t, r, text[:at], text[at:]); got != want {
					t.Fatalf("%s/%s split at %d: got %q, want %q", name, kind, at, got, want)
				}
			}
			if got := written(t, r, strings.Split(text, "")...); got != want {
				t.Errorf("%s/%s byte by byte: got %q, want %q", name, kind, got, want)
			}
		}
	}
}

func written(t *testing.T, r *Redactor, parts ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := r.Writer(&b)
	for _, p := range parts {
		if _, err := w.Write([]byte(p)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWriterDoesNotKeepHarmlessText(t *testing.T) {
	var b bytes.Buffer
	w := New(secrets).Writer(&b)
	if _, err := w.Write([]byte("step 3 done\n")); err != nil {
		t.Fatal(err)
	}
	if b.String() != "step 3 done\n" {
		t.Errorf("kept back: %q came out before Close", b.String())
	}
	_ = w.Close()
	if _, err := w.Write([]byte("x")); err == nil {
		t.Error("a write after Close must fail")
	}
}

func TestShortAndCommonValuesAreRefused(t *testing.T) {
	known := map[string]string{"a": "short", "b": "postgres", "c": " production\n", "d": "", "ok": "long-enough-1"}
	if got := fmt.Sprint(TooShort(known)); got != "[a b c]" {
		t.Errorf("TooShort = %s", got)
	}
	r := New(known)
	text := "a short text about postgres in production"
	if got := r.String(text); got != text {
		t.Errorf("masked too much: %q", got)
	}
	if len(r.Refused()) != 4 {
		t.Errorf("Refused = %v", r.Refused())
	}
	if got := r.String("x long-enough-1 y"); got != "x [redacted:ok] y" {
		t.Errorf("got %q", got)
	}
}

func TestPasswordInsideKnownURL(t *testing.T) {
	r := New(map[string]string{"dsn": "postgres://app:s3cr3t%2Fvalue@db/app"})
	if got := r.String("password is s3cr3t/value."); got != "password is [redacted:dsn]." {
		t.Errorf("got %q", got)
	}
}

func TestNilAndEmptyRedactorsPassTextOn(t *testing.T) {
	var none *Redactor
	for _, r := range []*Redactor{none, New(nil)} {
		if got := r.String("text"); got != "text" {
			t.Errorf("got %q", got)
		}
		if got := written(t, r, "te", "xt"); got != "text" {
			t.Errorf("got %q", got)
		}
	}
}

func TestAddedValueIsMasked(t *testing.T) {
	r := New(nil)
	r.Add("made-up", "correct-horse-9")
	if got := r.String("=correct-horse-9="); got != "=[redacted:made-up]=" {
		t.Errorf("got %q", got)
	}
}

func TestNameCannotBreakTheDocument(t *testing.T) {
	r := New(map[string]string{`a"b<c>`: "value-to-hide"})
	if got := r.String(`{"x":"value-to-hide"}`); got != `{"x":"[redacted:a_b_c_]"}` {
		t.Errorf("got %q", got)
	}
}

// FuzzNoLeak hides random values in random encodings, split anywhere.
func FuzzNoLeak(f *testing.F) {
	kinds := make([]string, 0, len(encodings))
	for k := range encodings {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	f.Add("hunter2-and-more", "before ", " after", uint16(3), uint64(1))
	f.Add(`q"u'o\t%41&e`, "%", "\\", uint16(9), uint64(2))
	f.Fuzz(func(t *testing.T, secret, before, after string, split uint16, seed uint64) {
		value := strings.TrimSpace(secret)
		if refuse(value) != "" || !utf8.ValidString(value) || len(plain([]byte(value))) < MinLength || len(value) > 200 || len(before)+len(after) > 400 || strings.Contains(before+after, value) {
			t.Skip("not a value that is masked")
		}
		rnd := rand.New(rand.NewPCG(seed, 1))
		kind := kinds[rnd.IntN(len(kinds))]
		encoded := encodings[kind](value)
		if kind != "raw" {
			before += " " // an escape that begins before the value would take its first characters
		}
		text := before + encoded + after
		r := New(map[string]string{"fuzz": value})
		want := r.String(text)
		at := int(split) % (len(text) + 1)
		if got := written(t, r, text[:at], text[at:]); got != want {
			t.Fatalf("split at %d: %q, whole %q", at, got, want)
		}
		if !strings.Contains(want, "[redacted:fuzz]") || strings.Contains(want, value) {
			t.Fatalf("%q as %s leaks in %q", value, kind, want)
		}
	})
}
