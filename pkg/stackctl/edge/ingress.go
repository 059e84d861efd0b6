package edge

import (
	"bytes"
	_ "embed"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

// IngressVersion counts the changes of the ingress's own definition. One that
// runs is replaced for a newer one alone: every project's site is behind it.
const IngressVersion = 1

// ingressStatic is the static file of the ingress.
//
//go:embed ingress.yml
var ingressStatic []byte

// IngressFiles are the files of the ingress that no project brings, relative to
// its folder.
func IngressFiles() []stack.File {
	inside := "# Made by stackctl.\nhttp:\n  routers:\n    inside:\n      rule: PathPrefix(`/api/`)\n      entryPoints: [internal]\n      service: api@internal\n"
	return []stack.File{
		{Path: ingressStaticName(), Mode: 0o644, Content: ingressStatic},
		{Path: stack.IngressDynamic + "/stackctl.yaml", Mode: 0o644, Content: []byte(inside)},
	}
}

func ingressStaticName() string { return fmt.Sprintf("traefik-%d.yml", IngressVersion) }

// IngressCompose is the compose file of the ingress, with an edge's image. On a
// cluster it has no address of its own: a Swarm service has none.
func IngressCompose(image string, clustered bool) ([]byte, error) {
	joined := object{"ipv4_address": stack.IngressAddress}
	const static = "/etc/traefik/traefik.yml"
	health := object{"test": []string{"CMD", "traefik", "healthcheck", "--configFile=" + static},
		"interval": "15s", "timeout": "3s", "start_period": "30s", "retries": 10}
	if clustered {
		joined = object{}
		health["start_interval"] = "1s" // a Swarm waits for the first check
	}
	bind := func(source, target string) object {
		return object{"type": "bind", "source": stack.IngressPath + "/" + source, "target": target, "read_only": true}
	}
	port := func(n int) object {
		return object{"mode": "ingress", "target": n, "published": strconv.Itoa(n), "protocol": "tcp"}
	}
	service := object{
		"image": image, "command": []string{"--configFile=" + static}, "user": "0:0", "read_only": true,
		"cap_drop": []string{"ALL"}, "cap_add": []string{"NET_BIND_SERVICE"}, "security_opt": []string{"no-new-privileges:true"},
		"restart": "unless-stopped", "mem_limit": "512m", "environment": object{"GOMEMLIMIT": "440MiB"}, "stop_grace_period": "15s",
		"labels":   object{stack.LabelIngress: strconv.Itoa(IngressVersion)},
		"logging":  object{"driver": "json-file", "options": object{"max-size": "10m", "max-file": "3"}},
		"ports":    []object{port(80), port(443)},
		"volumes":  []object{bind(ingressStaticName(), static), bind(stack.IngressDynamic, "/etc/traefik/dynamic")},
		"networks": object{stack.IngressProject: joined}, "healthcheck": health,
	}
	return yaml.Marshal(object{
		"name":     stack.IngressProject,
		"services": object{stack.IngressService: service},
		"networks": object{stack.IngressProject: object{"name": stack.IngressProject, "ipam": object{"config": []object{{
			"subnet": stack.IngressSubnet, "gateway": stack.IngressGateway, "ip_range": stack.IngressRange}}}}},
	})
}

// IngressRules are the rules of a project's routers on the ingress, for HTTP and
// for TLS connections that pass unread; both have the project's name.
func IngressRules(hosts []string) (http, tls string) {
	var plain, sni []string
	for _, h := range hosts {
		plain, sni = append(plain, fmt.Sprintf("Host(`%s`)", h)), append(sni, fmt.Sprintf("HostSNI(`%s`)", h))
	}
	return strings.Join(plain, " || "), strings.Join(sni, " || ")
}

// IngressRoutes is a project's file on the ingress: what asks for one of its hosts
// goes to the alias that is given, which is its edge's or that of a copy of it. Who
// the client is the edge learns by the PROXY protocol, and on port 80 by
// X-Forwarded-For. What an authority asks always goes to the edge itself, and waits
// some seconds for one that is started anew. On a cluster the file is that of a node,
// whose edge it leads to.
func IngressRoutes(project, alias, node string, hosts []string) (stack.File, error) {
	return ingressFile(project, ingressRoutes(project, alias, node, hosts))
}

// IngressDetour is the same file while certificates of other hosts are rehearsed:
// what an authority asks of those goes to the copy of the edge that rehearses. It
// also returns the rule of that, by the router's name.
func IngressDetour(project, alias string, hosts, rehearsed []string) (stack.File, map[string]string, error) {
	doc, copied := ingressRoutes(project, alias, "", hosts), stack.RehearsalAlias(project)
	plain, _ := IngressRules(rehearsed)
	rule := "(" + plain + ") && PathPrefix(`" + challengePath + "`)"
	http, _ := doc["http"].(object)
	part(http, "routers")[copied] = object{"rule": rule, "entryPoints": []string{"web"}, "service": copied}
	part(http, "services")[copied] = object{"loadBalancer": object{"servers": []object{{"url": "http://" + net.JoinHostPort(copied, "80")}}}}
	f, err := ingressFile(project, doc)
	return f, map[string]string{copied: rule}, err
}

func ingressRoutes(project, alias, node string, hosts []string) object {
	plain, sni := IngressRules(hosts)
	router := func(rule, service string) object {
		return object{"rule": rule, "entryPoints": []string{"web"}, "service": service, "middlewares": []string{project}}
	}
	at := func(alias string) object {
		return object{"loadBalancer": object{"servers": []object{{"url": "http://" + net.JoinHostPort(alias, "80")}}}}
	}
	itself := stack.OnNode(stack.IngressAlias(project), node)
	alias = stack.OnNode(alias, node)
	routers, services := object{project: router(plain, project)}, object{project: at(alias)}
	if alias != itself {
		routers[itself], services[itself] = router("("+plain+") && PathPrefix(`"+challengePath+"`)", itself), at(itself)
	}
	return object{
		"http": object{
			"routers":     routers,
			"middlewares": object{project: object{"retry": object{"attempts": 10, "initialInterval": "500ms"}}},
			"services":    services,
		},
		"tcp": object{
			"routers": object{project: object{"rule": sni, "entryPoints": []string{"websecure"}, "service": project, "tls": object{"passthrough": true}}},
			"services": object{project: object{"loadBalancer": object{
				"servers": []object{{"address": net.JoinHostPort(alias, "443")}}, "serversTransport": project}}},
			"serversTransports": object{project: object{"proxyProtocol": object{"version": 2}}},
		},
	}
}

func ingressFile(project string, doc object) (stack.File, error) {
	var b bytes.Buffer
	b.WriteString("# Made by stackctl of the hosts of project " + project + ".\n")
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(doc); err != nil {
		return stack.File{}, fmt.Errorf("write the ingress's routes: %w", err)
	}
	return stack.File{Path: stack.IngressFile(project), Mode: 0o644, Content: b.Bytes()}, e.Close()
}

// IngressHosts reads the hosts that a project's file on the ingress names, sorted,
// but for those whose certificates are rehearsed.
func IngressHosts(f stack.File) ([]string, error) {
	routes, err := Routes([]stack.File{f})
	if err != nil {
		return nil, err
	}
	rehearsed := stack.RehearsalAlias(strings.TrimSuffix(f.Path, stack.IngressFile("")))
	routes = slices.DeleteFunc(routes, func(r stack.Route) bool { return r.Name == rehearsed })
	return stack.EdgeConfig{Routes: routes}.Hosts(), nil
}

// KeepAlive is how long an edge behind the ingress goes on answering on one
// connection. An edge that nobody is led to any more has no busy one after that.
const KeepAlive = 10 * time.Second

// Taken returns the first of some hosts that the ingress leads to another project,
// and which; empty: none.
func Taken(ingress map[string][]string, project string, hosts []string) (host, by string) {
	for _, h := range hosts {
		for other, theirs := range ingress {
			if other != project && slices.ContainsFunc(theirs, func(t string) bool { return strings.EqualFold(t, h) }) {
				return h, other
			}
		}
	}
	return "", ""
}
