//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// hidden is a request that hides in another one's body. Its answer names the
// release's commit, which nothing else that these tests ask for does.
func hidden() string {
	return "GET /api/version?smuggled HTTP/1.1\r\nHost: " + domain + "\r\n\r\n"
}

const hiddenSign = `"commit"`

// pipelined names those of the ambiguous requests that mean, by the standard,
// one request with empty chunks and then a second one of the same client: the
// chunks win over the length (RFC 9112, section 6.3), and a bare line feed ends
// a line (section 2.2). The client is answered twice, over its own connection.
var pipelined = []string{"length, then chunks", "behind a bare line feed"}

// ambiguous are the heads and bodies of requests about whose end two readers
// could differ (RFC 9112, section 6). Each body holds the hidden request.
func ambiguous() map[string]string {
	h := hidden()
	chunked := func(te string) string {
		return fmt.Sprintf("Content-Length: %d\r\n%s\r\n\r\n0\r\n\r\n%s", 5+len(h), te, h)
	}
	sized := func(size string) string {
		return "Transfer-Encoding: chunked\r\n\r\n" + size + "\r\n" + h + "\r\n0\r\n\r\n"
	}
	return map[string]string{
		"length, then chunks":          chunked("Transfer-Encoding: chunked"),
		"space before the colon":       chunked("Transfer-Encoding : chunked"),
		"a word before chunked":        chunked("Transfer-Encoding: xchunked"),
		"a vertical tab":               chunked("Transfer-Encoding: \x0bchunked"),
		"a tab, and identity after":    chunked("Transfer-Encoding:\tchunked, identity"),
		"identity before":              chunked("Transfer-Encoding: identity, chunked"),
		"chunked twice":                chunked("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
		"two encodings":                chunked("Transfer-Encoding: chunked\r\nTransfer-Encoding: cow"),
		"quoted":                       chunked(`Transfer-Encoding: "chunked"`),
		"a null byte":                  chunked("Transfer-Encoding: chunked\x00"),
		"folded":                       chunked("X-A: b\r\n Transfer-Encoding: chunked"),
		"behind a bare line feed":      chunked("X-A: b\nTransfer-Encoding: chunked"),
		"behind a bare return":         chunked("X-A: b\rTransfer-Encoding: chunked"),
		"in another header's value":    chunked("X-A: Transfer-Encoding: chunked"),
		"two lengths":                  fmt.Sprintf("Content-Length: 0\r\nContent-Length: %d\r\n\r\n%s", len(h), h),
		"two lengths in one":           fmt.Sprintf("Content-Length: 0, %d\r\n\r\n%s", len(h), h),
		"a length with a sign":         "Content-Length: +0\r\n\r\n" + h,
		"a negative length":            "Content-Length: -1\r\n\r\n" + h,
		"a hexadecimal length":         "Content-Length: 0x0\r\n\r\n" + h,
		"a length with an underscore":  "Content-Length: 1_0\r\n\r\n" + h,
		"an empty length":              "Content-Length: \r\n\r\n" + h,
		"a chunk size with a prefix":   sized(fmt.Sprintf("0x%x", len(h))),
		"a chunk size with a sign":     sized(fmt.Sprintf("+%x", len(h))),
		"a chunk size that overflows":  sized("ffffffffffffffff1"),
		"a chunk size with a space":    sized(fmt.Sprintf("%x %x", 0, len(h))),
		"a chunk without its end":      fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n1\r\nZZ0\r\n\r\n%s", h),
		"a chunk extension, line feed": sized("0;x\n"),
	}
}

// TestAttack53RequestSmuggling: two readers of one message must never differ in
// where it ends (RFC 9112, section 6.3; ASVS 4.2.1). The edge refuses what is
// ambiguous, or ends the connection after its answer; and no other client is
// ever given an answer that is not its own.
func TestAttack53RequestSmuggling(t *testing.T) {
	visiting(t)
	for name, rest := range ambiguous() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()  // the edge is silent for seconds where it waits for more
			for range 2 { // a poisoned connection behind the edge shows at the next request on it
				statuses, bodies := raw(t, outside, edgeAddress(t), domain, "GET /api/health/live HTTP/1.1\r\nHost: "+domain+"\r\n"+rest)
				if slices.Contains(pipelined, name) {
					if len(statuses) > 2 || strings.Count(bodies, hiddenSign) > 1 {
						t.Errorf("two requests, and answers %v %s", statuses, bodies)
					}
					continue
				}
				if strings.Contains(bodies, hiddenSign) || len(statuses) > 1 {
					t.Errorf("the hidden request was answered: %v %s", statuses, bodies)
				}
			}
			ownAnswers(t)
		})
	}
}

// ownAnswers lets many clients ask at once, over new and kept connections, and
// checks that each gets the answer to its own question.
func ownAnswers(t *testing.T) {
	t.Helper()
	c := client(t)
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			path, want, sign := "/api/users/me", http.StatusUnauthorized, `"status":401`
			if i%2 == 0 {
				path, want, sign = "/api/health/live", http.StatusOK, `"status":"ok"`
			}
			resp, err := c.Get("https://" + domain + path)
			if err != nil {
				t.Errorf("%s: %v", path, err)
				return
			}
			defer func() { _ = resp.Body.Close() }()
			body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
			if err != nil || resp.StatusCode != want || !strings.Contains(string(body), sign) {
				t.Errorf("%s is answered %d %s (%v)", path, resp.StatusCode, body, err)
			}
		})
	}
	all.Wait()
}

// TestAttack53KeptConnectionsStayInStep: on one connection, good requests and
// bodies of every framing are answered in order, one answer each.
func TestAttack53KeptConnectionsStayInStep(t *testing.T) {
	visiting(t)
	host := "Host: " + domain + "\r\n"
	live := "GET /api/health/live HTTP/1.1\r\n" + host + "\r\n"
	withBody := func(frame string) string {
		return "POST /api/auth/logout HTTP/1.1\r\n" + host + "Content-Type: application/json\r\n" + frame
	}
	text := live + withBody("Content-Length: 2\r\n\r\n{}") + live + withBody("Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n") + live
	statuses, bodies := raw(t, outside, edgeAddress(t), domain, text)
	want := []int{200, 401, 200, 401, 200}
	if fmt.Sprint(statuses) != fmt.Sprint(want) || strings.Count(bodies, `"ok"`) != 3 {
		t.Errorf("answered %v %s, want %v", statuses, bodies, want)
	}
}

// TestAttack53HTTP2HeadersAreNotSmuggledBehindTheEdge: what HTTP/2 forbids, and
// what would mean something else in the HTTP/1.1 request behind the edge, is
// refused (RFC 9113, section 8.2).
func TestAttack53HTTP2HeadersAreNotSmuggledBehindTheEdge(t *testing.T) {
	visiting(t)
	for name, c := range map[string]struct {
		headers [][2]string
		body    string
	}{
		"chunks":               {[][2]string{{"transfer-encoding", "chunked"}}, "0\r\n\r\n" + hidden()},
		"a short length":       {[][2]string{{"content-length", "0"}}, hidden()},
		"two lengths":          {[][2]string{{"content-length", "0"}, {"content-length", "9"}}, hidden()},
		"a line break inside":  {[][2]string{{"x-a", "b\r\nTransfer-Encoding: chunked"}}, "0\r\n\r\n" + hidden()},
		"a line break in name": {[][2]string{{"x-a: b\r\ntransfer-encoding", "chunked"}}, "0\r\n\r\n" + hidden()},
		"connection":           {[][2]string{{"connection", "x-forwarded-for"}}, ""},
		"upper case":           {[][2]string{{"X-Upper", "b"}}, ""},
		"a path with a break":  {[][2]string{{":path", "/api/health/live HTTP/1.1\r\nHost: x\r\n\r\nGET /api/version"}}, ""},
		"a path with a space":  {[][2]string{{":path", "/api/version smuggled"}}, ""},
		"two paths":            {[][2]string{{":path", "/api/health/live"}, {":path", "/api/version"}}, ""},
		"a late pseudo header": {[][2]string{{"x-a", "b"}, {":path", "/api/version"}}, ""},
		"no path":              {[][2]string{{":path", ""}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := overH2(t, c.headers, c.body)
			if strings.Contains(body, hiddenSign) {
				t.Errorf("the hidden request was answered: %s %s", status, body)
			}
			if strings.HasPrefix(status, "2") {
				t.Errorf("answered %s %s", status, body)
			}
			ownAnswers(t)
		})
	}
	if status, body := overH2(t, nil, ""); status != "200" || !strings.Contains(body, `"ok"`) {
		t.Errorf("a good request is answered %s %s: the refusals above mean nothing", status, body)
	}
}

// overH2 sends one request frame by frame; a header of a name that is there
// already is added, but a pseudo header replaces it.
func overH2(t *testing.T, extra [][2]string, body string) (status, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	d := tls.Dialer{Config: &tls.Config{ServerName: domain, InsecureSkipVerify: true, NextProtos: []string{"h2"}}} // gate G1 judges the certificate
	conn, err := d.DialContext(ctx, "tcp", edgeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(conn, conn)
	framer.AllowIllegalWrites = true
	if err := errors.Join(framer.WriteSettings(), framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: headerBlock(t, extra, body), EndStream: body == "", EndHeaders: true})); err != nil {
		t.Fatal(err)
	}
	if body != "" {
		if err := framer.WriteData(1, true, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return readH2(t, framer)
}

func headerBlock(t *testing.T, extra [][2]string, body string) []byte {
	t.Helper()
	method := "GET"
	if body != "" {
		method = "POST"
	}
	headers := [][2]string{{":method", method}, {":scheme", "https"}, {":authority", domain}, {":path", "/api/health/live"}}
	replaced := false
	for _, h := range extra {
		if h[0] == ":path" && !replaced && len(headers) == 4 {
			headers[3], replaced = h, true
			continue
		}
		headers = append(headers, h)
	}
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for _, h := range headers {
		if err := enc.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}); err != nil {
			t.Fatal(err)
		}
	}
	return block.Bytes()
}

// readH2 reads the answer on the first stream; a refused one has no status.
func readH2(t *testing.T, framer *http2.Framer) (status, text string) {
	t.Helper()
	dec := hpack.NewDecoder(4096, func(f hpack.HeaderField) {
		if f.Name == ":status" {
			status = f.Value
		}
	})
	for {
		frame, err := framer.ReadFrame()
		var network net.Error
		if errors.As(err, &network) && network.Timeout() {
			t.Error("no answer and no refusal within 5 s")
		}
		if err != nil {
			return status, text
		}
		ended := false
		switch f := frame.(type) {
		case *http2.HeadersFrame:
			if _, err := dec.Write(f.HeaderBlockFragment()); err != nil {
				t.Fatal(err)
			}
			ended = f.StreamEnded()
		case *http2.DataFrame:
			text += string(f.Data())
			ended = f.StreamEnded()
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			ended = true
		}
		if ended {
			return status, text
		}
	}
}
