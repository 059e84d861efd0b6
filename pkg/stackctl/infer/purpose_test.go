package infer

import (
	"slices"
	"strconv"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestVariablesSayWhatAnswersAtAPort(t *testing.T) {
	for _, c := range []struct {
		name, value string
		port        int
		what        string
		inside      bool
	}{
		{"GRPC_PORT", "9095", 9095, "gRPC", false},
		{"SHOP_GRPC_LISTEN_ADDR", "0.0.0.0:9095", 9095, "gRPC", false},
		{"GRPC_PORT", "9095", 9096, "", false},
		{"RCON_PORT", "25575", 25575, "RCON", false},
		{"RUST_RCON_PORT", "28017", 28017, "RCON", false},
		{"METRICS_ADDR", ":8091", 8091, "metrics or management", true},
		{"MANAGEMENT_SERVER_PORT", "8081", 8081, "metrics or management", true},
		{"HTTP_PORT", "8081", 8081, "", false},
		{"API_URL", "http://api:8081", 8081, "", false},
	} {
		s := Service{Service: stack.Service{Name: "a", Environment: map[string]string{c.name: c.value}}}
		if what, inside := purpose(s, c.port); what != c.what || inside != c.inside {
			t.Errorf("%s=%s at %d: %q, %v", c.name, c.value, c.port, what, inside)
		}
		s.Environment["PORT"] = "9095" // the site's own port, whatever else answers there
		if what, _ := purpose(s, 9095); what != "" {
			t.Errorf("%s=%s beside PORT: %q", c.name, c.value, what)
		}
	}
}

func TestADebuggersPortIsWhatTheCommandSays(t *testing.T) {
	for text, want := range map[string]bool{
		"node --inspect=0.0.0.0:9230 server.js":                                  true,
		"node --inspect-brk=9230 server.js":                                      true,
		"java -agentlib:jdwp=transport=dt_socket,server=y,address=*:9230 -jar a": true,
		"java -Dcom.sun.management.jmxremote.port=9230 -jar a.jar":               true,
		"python -m debugpy --wait-for-client --listen 0.0.0.0:9230 app.py":       true,
		"dlv exec --headless --listen=:9230 /app":                                true,
		"gunicorn --listen 0.0.0.0:9230 app":                                     false,
		"node server.js --port 9230":                                             false,
		"node --inspect=0.0.0.0:9231 server.js":                                  false,
	} {
		if got := debugger(Service{Service: stack.Service{Command: []string{text}}}, 9230); got != want {
			t.Errorf("%q: %v", text, got)
		}
		if got := debugger(Service{Service: stack.Service{Environment: map[string]string{"OPTS": text}}}, 9230); got != want {
			t.Errorf("OPTS=%q: %v", text, got)
		}
	}
}

func TestADebuggersPortThatIsExposedIsNoSite(t *testing.T) {
	s := Service{Expose: []string{"9230", "3000"}, Service: stack.Service{Name: "a", Image: "acme/a:1", Deployed: true, Command: []string{"node", "--inspect=0.0.0.0:9230", "server.js"}}}
	r := Routes([]Service{s}, Layers([]Service{s}, ""), "example.org", nil)
	if len(r.Routes) != 1 || r.Routes[0].Port != 3000 {
		t.Errorf("routes are %+v", r.Routes)
	}
}

func TestARowOfManyPortsIsToldInOneLine(t *testing.T) {
	s := Service{Service: stack.Service{Name: "a", Image: "acme/a:1", Deployed: true}}
	for port := range uint32(10_001) {
		s.Ports = append(s.Ports, stack.Port{Target: 20_000 + port, Published: strconv.Itoa(20_000 + int(port)), Protocol: "udp"})
	}
	r := Routes([]Service{s}, Layers([]Service{s}, ""), "example.org", nil)
	if got := r.Causes["a"]; len(got) != 1 || got[0] != "port 20000-30000:20000-30000/udp stays published (UDP)" {
		t.Errorf("%d lines, %.200q", len(got), got)
	}
	for i, stays := range Published(s, nil, nil) {
		if !stays {
			t.Errorf("port %s of the row is closed", s.Ports[i].Published)
		}
	}
}

func TestTheConsoleOfAGameIsNotForTheWorld(t *testing.T) {
	ports := []stack.Port{{Target: 25565, Published: "25565"}, {Target: 25575, Published: "25575"}, {Target: 28017, Published: "28017"}, {Target: 27015, Published: "27015", Protocol: "udp"}, {Target: 27015, Published: "27015"}}
	s := Service{Service: stack.Service{Name: "game", Image: "itzg/minecraft-server", Deployed: true, Environment: map[string]string{"RCON_PORT": "28017"}, Ports: ports}}
	r := Routes([]Service{s}, Layers([]Service{s}, ""), "example.org", nil)
	if len(r.Allow) != 1 || r.Allow[0] != 25565 || len(r.Routes) != 0 {
		t.Errorf("%+v", r)
	}
	if got := Published(s, r.Routes, r.Allow); !slices.Equal(got, []bool{true, false, false, true, false}) {
		t.Errorf("published are %v, %q", got, r.Causes["game"])
	}
}

func TestGRPCIsForServicesOrARouteOfItsOwn(t *testing.T) {
	calls := Service{Service: stack.Service{Name: "calls", Image: "acme/calls:1", Deployed: true, Ports: []stack.Port{{Target: 50051, Published: "50051"}}}}
	web := Service{Service: stack.Service{Name: "web", Image: "acme/web:1", Deployed: true, Ports: []stack.Port{{Target: 80, Published: "80"}}}}
	labelled := calls
	labelled.Labels = map[string]string{"traefik.http.routers.c.rule": "Host(`calls.example.com`)", "traefik.http.services.c.loadbalancer.server.port": "50051", "traefik.http.services.c.loadbalancer.server.scheme": "h2c"}
	for name, c := range map[string]struct {
		services []Service
		scheme   string // of a route to calls; "none": it has none
	}{"alone": {[]Service{calls}, "h2c"}, "beside a site": {[]Service{calls, web}, "none"}, "as its labels say": {[]Service{labelled, web}, "h2c"}} {
		r, scheme := Routes(c.services, Layers(c.services, ""), "example.org", nil), "none"
		for _, route := range r.Routes {
			if route.Service == "calls" {
				scheme = route.Scheme
			}
		}
		if scheme != c.scheme || len(r.Allow) > 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestLabelsSayHowAServiceAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		labels, environment map[string]string
		scheme              string
	}{
		"https":                {map[string]string{"traefik.http.routers.a.rule": "Host(`a.example.com`)", "traefik.http.services.a.loadbalancer.server.port": "9443", "traefik.http.services.a.loadbalancer.server.scheme": "https"}, nil, "https"},
		"at 443":               {map[string]string{"traefik.http.routers.a.rule": "Host(`a.example.com`)", "traefik.http.services.a.loadbalancer.server.port": "443"}, nil, "https"},
		"http":                 {map[string]string{"traefik.http.routers.a.rule": "Host(`a.example.com`)", "traefik.http.services.a.loadbalancer.server.port": "80", "traefik.http.services.a.loadbalancer.server.scheme": "http"}, nil, ""},
		"nginx-proxy's":        {nil, map[string]string{"VIRTUAL_HOST": "a.example.com", "VIRTUAL_PORT": "9443", "VIRTUAL_PROTO": "https"}, "https"},
		"caddy-docker-proxy's": {map[string]string{"caddy": "a.example.com", "caddy.reverse_proxy": "{{upstreams h2c 9443}}"}, nil, "h2c"},
	} {
		s := Service{Service: stack.Service{Name: "a", Image: "acme/a:1", Deployed: true, Labels: c.labels, Environment: c.environment}}
		r := Routes([]Service{s}, Layers([]Service{s}, ""), "example.org", nil)
		if len(r.Routes) != 1 || r.Routes[0].Scheme != c.scheme {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
