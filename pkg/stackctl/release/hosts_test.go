package release_test

import (
	"strings"
	"testing"
)

func TestHostsThatAWebServerServesBesideTheFirstAreTold(t *testing.T) {
	for name, c := range map[string]struct {
		image, mount, conf string
		want               string // empty: nothing is told
	}{
		"nginx's": {"nginx:1", "/etc/nginx/nginx.conf", "http {\n  server { listen 80; server_name shop.example.com www.shop.example.com; location / { proxy_pass http://app:3000; } }\n  server { listen 80; server_name api.shop.example.com; }\n  server { listen 8081; server_name admin.shop.example.com; }\n}\n",
			"shop.example.com (site.conf:2), api.shop.example.com (site.conf:3): a route of its own leads to each that visitors need, and its settings must know it by your domain: --route api=web:80"},
		"nginx's by variables": {"nginx:1", "/etc/nginx/templates/default.conf.template", "server {\n  listen [::]:80;\n  server_name ${NAME}\n admin.${NAME};\n}\nserver { listen 80 default_server; server_name _; }\n", ""},
		"in one template":      {"nginx:1", "/etc/nginx/templates/default.conf.template", "server {\n  listen 80;\n  server_name ${NAME} admin.${NAME};\n}\n", "--route admin=web:80"},
		"Apache's":             {"httpd:2", "/usr/local/apache2/conf/httpd.conf", "<VirtualHost *:80>\n  ServerName shop.example.com\n  ServerAlias www.shop.example.com\n</VirtualHost>\n<VirtualHost *:80>\n  ServerName docs.example.com\n</VirtualHost>\n", "--route docs=web:80"},
		"a Caddyfile's":        {"caddy:2", "/etc/caddy/Caddyfile", "shop.example.com {\n\troot * /srv\n\tphp_fastcgi app:9000\n}\nhttps://api.example.com, v2.example.com:443 {\n\treverse_proxy app:8000\n\trewrite /x /y\n}\n", "--route api=web:80 --route v2=web:80"},
		"HAProxy's":            {"haproxy:3", "/usr/local/etc/haproxy/haproxy.cfg", "frontend web\n  bind :80\n  acl a hdr(host) -i a.example.com\n  acl b hdr(host) -i b.example.com\n", "--route b=web:80"},
		"one host":             {"nginx:1", "/etc/nginx/nginx.conf", "server { listen 80; server_name shop.example.com www.shop.example.com; }\n", ""},
		"any host":             {"nginx:1", "/etc/nginx/nginx.conf", "server { listen 80; server_name _; }\nserver { listen 80; server_name localhost ~^(?<x>.+)$; }\n", ""},
	} {
		s := newProject(t, map[string]string{"compose.yaml": "services:\n  web:\n    image: " + c.image + "\n    ports: [\"80:80\"]\n    environment: {NAME: shop.example.com}\n    volumes: [\"./site.conf:" + c.mount + ":ro\"]\n", "site.conf": c.conf})
		notes := strings.Join(s.look(t).Notes["web"], "\n")
		if told := strings.Contains(notes, "serve several hosts"); told != (c.want != "") || !strings.Contains(notes, c.want) {
			t.Errorf("%s: %q", name, notes)
		}
	}
}
