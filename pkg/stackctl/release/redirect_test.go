package release_test

import (
	"strings"
	"testing"
)

func TestSettingsThatSendVisitorsRoundAreTold(t *testing.T) {
	plain, tls := "server {\n  listen 80;\n  return 301 https://$host$request_uri;\n}\n", "server {\n  listen 443 ssl;\n  location / { proxy_pass http://web:8000; }\n}\n"
	for name, c := range map[string]struct {
		conf string
		want string // empty: nothing is told
	}{
		"a redirect beside TLS":      {plain + tls, "(site.conf:3)"},
		"in one line":                {"server { listen 80; return 301 https://$host$request_uri; }\n" + tls, "(site.conf:1)"},
		"Apache's":                   {"<VirtualHost *:80>\n  Redirect permanent / https://example.com/\n</VirtualHost>\n<VirtualHost *:443>\n</VirtualHost>\n", "(site.conf:2)"},
		"TLS alone":                  {tls, ""},
		"a redirect elsewhere":       {"server {\n  listen 80;\n  location /old { return 301 https://other.example.com/; }\n}\n", ""},
		"one that heeds the edge":    {"server {\n  listen 80;\n  if ($http_x_forwarded_proto = http) { return 301 https://$host$request_uri; }\n}\n" + tls, ""},
		"one that tells of the edge": {plain + strings.Replace(tls, "proxy_pass", "proxy_set_header X-Forwarded-Proto $scheme; proxy_pass", 1), "(site.conf:3)"},
	} {
		for _, mount := range []string{"./conf:/etc/nginx/conf.d:ro", "./conf/site.conf:/etc/nginx/conf.d/default.conf"} {
			s := newProject(t, map[string]string{"compose.yaml": "services:\n  nginx:\n    image: nginx:1\n    ports: [\"80:80\"]\n    volumes: [\"" + mount + "\"]\n", "conf/site.conf": c.conf})
			notes := strings.Join(s.look(t).Notes["nginx"], "\n")
			if told := strings.Contains(notes, "go round for ever"); told != (c.want != "") || !strings.Contains(notes, c.want) {
				t.Errorf("%s: %q", name, notes)
			}
		}
	}
}
