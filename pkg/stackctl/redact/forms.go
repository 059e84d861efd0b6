package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
)

// forms are the spellings of a value that are looked for as they are. Mixed
// and doubled escapes are not enumerated: view undoes those.
func forms(value string) []string {
	out := texts(value)
	// What is carried inside a binary encoding: the value, or a spelling of it.
	inner := []string{value, jsonForm(value, true), url.QueryEscape(value), url.PathEscape(value),
		base64.StdEncoding.EncodeToString([]byte(value)), base64.RawURLEncoding.EncodeToString([]byte(value)),
		hex.EncodeToString([]byte(value))}
	for _, s := range inner {
		out = append(out, base64Forms(s)...)
	}
	out = append(out, hexForms(value)...)
	out = append(out, hexForms(base64.StdEncoding.EncodeToString([]byte(value)))...)
	return out
}

// texts are the spellings in which single characters are escaped.
func texts(v string) []string {
	var x bytes.Buffer
	_ = xml.EscapeText(&x, []byte(v)) // a bytes.Buffer takes everything
	quoted := strconv.Quote(v)
	q, p := url.QueryEscape(v), url.PathEscape(v)
	return []string{
		v, jsonForm(v, true), jsonForm(v, false), quoted[1 : len(quoted)-1],
		q, p, lowerPercent(q), lowerPercent(p), url.User(v).String(),
		eachByte(v, "%%%02X"), eachByte(v, "%%%02x"),
		strings.ReplaceAll(v, " ", "+"),
		eachByte(v, `\u%04x`), eachByte(v, `\u%04X`), eachByte(v, `\x%02x`), eachByte(v, `\%03o`),
		x.String(), html.EscapeString(v), eachRune(v, "&#%d;"), eachRune(v, "&#x%x;"), eachRune(v, "&#x%X;"),
		strings.ReplaceAll(v, "'", `'\''`), strings.ReplaceAll(v, "'", `'"'"'`),
		strings.ReplaceAll(v, "'", "''"), strings.ReplaceAll(v, `"`, `""`),
		strings.ReplaceAll(v, "$", "$$"), // compose files
	}
}

func jsonForm(v string, escapeHTML bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(escapeHTML)
	_ = e.Encode(v) // a string always encodes
	s := strings.TrimSuffix(b.String(), "\n")
	return s[1 : len(s)-1]
}

func eachByte(v, format string) string {
	var b strings.Builder
	for i := range len(v) {
		fmt.Fprintf(&b, format, v[i])
	}
	return b.String()
}

func eachRune(v, format string) string {
	var b strings.Builder
	for _, r := range v {
		fmt.Fprintf(&b, format, r)
	}
	return b.String()
}

func lowerPercent(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], bytes.ToLower(b[i+1:i+3]))
		}
	}
	return string(b)
}

// base64Forms are the characters that a value decides, wherever it stands in
// a longer encoded text: one for each of the three offsets, in both alphabets.
func base64Forms(v string) []string {
	var out []string
	for k := range 3 {
		padded := append(make([]byte, k), v...)
		first, last := (8*k+5)/6, 8*len(padded)/6
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			out = append(out, enc.EncodeToString(padded)[first:last])
		}
	}
	return out
}

func hexForms(v string) []string {
	plain := hex.EncodeToString([]byte(v))
	colons := strings.TrimSuffix(eachByte(v, "%02x:"), ":")
	return []string{plain, strings.ToUpper(plain), colons, strings.ToUpper(colons)}
}
