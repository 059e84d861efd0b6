package release

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"

	"stackctl/pkg/stackctl/infer"
)

var (
	// sendsAway is where a web server's settings send plain HTTP to HTTPS.
	sendsAway = regexp.MustCompile(`(?im)(?:^|[;{])[ \t]*(?:return\s+30[1278]\s+https://|rewrite\s+\S+\s+https://|Redirect(?:Match)?\s[^\n]*\shttps://|RewriteRule\s+\S+\s+https://%)`)
	// overTLS is what stands in settings that serve HTTPS as well.
	overTLS = regexp.MustCompile(`(?im)(?:^|[;{])[ \t]*(?:listen\s+[^;#\n]*\b(?:443|ssl)\b|ssl_certificate\s|SSLCertificateFile\s|<VirtualHost[^>\n]*:443>)`)
	// heedsEdge is what asks how a visitor came to the edge.
	heedsEdge = regexp.MustCompile(`(?im)^[ \t]*(?:if|RewriteCond|SetEnvIf|map)\b[^\n]*x[-_]forwarded[-_]proto`)
)

// noteRedirects adds to the notes of init settings that send visitors round for ever behind the
// edge, which has TLS and brings plain HTTP.
func (s Survey) noteRedirects() {
	left := infer.LeftOut(s.draft.subjects())
	for _, name := range sortedKeys(s.draft.project.Services) {
		if at := s.draft.redirect(name); at.file != "" && left[name] == "" {
			s.Notes[name] = append(s.Notes[name], fmt.Sprintf("its settings send plain HTTP to HTTPS (%s:%d), and the edge brings plain HTTP: visitors would go round for ever. Serve the site at port 80 there, without certificates and without that redirect", filepath.Base(at.file), at.line))
		}
	}
}

// redirect is the first place in a service's mounted settings that sends plain HTTP
// to the HTTPS which they serve as well; none: there is none.
func (d Draft) redirect(service string) place {
	for _, file := range d.mountedFiles(service) {
		raw, err := readBounded(file)
		if err != nil || !overTLS.Match(raw) || heedsEdge.Match(raw) {
			continue
		}
		if at := sendsAway.FindIndex(raw); at != nil {
			return place{file, 1 + bytes.Count(raw[:at[1]], []byte("\n"))}
		}
	}
	return place{}
}
