//go:build e2e

package e2e

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// visits a site by https, then by http, and prints where the second visit ended.
const twoVisits = `
import { chromium } from "playwright-core";
const [rules, spki] = process.argv.slice(1);
const args = ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=" + rules, ...(spki ? ["--ignore-certificate-errors-spki-list=" + spki] : [])];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args });
const page = await (await browser.newContext({ ignoreHTTPSErrors: !spki })).newPage();
await page.goto("https://example.com/");
await page.goto("http://example.com/");
console.log(new URL(page.url()).protocol);
await browser.close();
`

// TestABrowserNotesHSTSOverTrustedCertificatesAlone is why HSTS is sent from the
// first deploy on: a browser heeds it only without certificate errors (RFC 6797,
// section 8.1), which certificates of a staging directory are to it.
func TestABrowserNotesHSTSOverTrustedCertificatesAlone(t *testing.T) {
	site := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		_, _ = io.WriteString(w, "site")
	}
	secure, plain := httptest.NewTLSServer(http.HandlerFunc(site)), httptest.NewServer(http.HandlerFunc(site))
	defer secure.Close()
	defer plain.Close()
	spki := sha256.Sum256(secure.Certificate().RawSubjectPublicKeyInfo)
	rules := "MAP example.com:443 " + secure.Listener.Addr().String() + ", MAP example.com:80 " + plain.Listener.Addr().String()
	for trusted, want := range map[string]string{"": "http:", base64.StdEncoding.EncodeToString(spki[:]): "https:"} {
		cmd := exec.CommandContext(t.Context(), "node", "--input-type=module", "-e", twoVisits, rules, trusted)
		cmd.Dir = filepath.Join(repo, "web")
		if said, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(said)) != want {
			t.Errorf("trusted %v: the second visit is by %s, %v; want %s", trusted != "", said, err, want)
		}
	}
}
