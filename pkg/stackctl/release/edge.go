package release

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl/pkg/stackctl/infer"
	"stackctl/pkg/stackctl/stack"
)

const (
	// edgeImage is the Traefik that stackctl was tested with.
	edgeImage = "traefik:v3.6.12"
	// edgeMemory holds some 8,000 slow clients, each about 60 KB.
	edgeMemory = 768 << 20
	// edgeVolume holds the certificates.
	edgeVolume = "stackctl-acme"
	// edgeNetwork is the edge's own, where every network that it joins is
	// internal: no port can be published from those.
	edgeNetwork = "stackctl-edge"
	// StaffHtpasswd is the secret with the hash of the staff's password.
	StaffHtpasswd = "stackctl_staff_htpasswd"
	staffPassword = "stackctl_staff_password"
)

// addEdge puts stackctl's own edge into the project, where there is something
// to route, and takes the ports that it serves from the services.
func (d *Draft) addEdge() error {
	if !d.config.Traefik.Own {
		return d.shareEdge()
	}
	d.closePorts()
	if len(d.config.Routes) == 0 {
		return nil
	}
	name := d.config.Traefik.Service
	if _, taken := d.project.Services[name]; taken {
		at := d.places[name]
		return stack.Usage(at.file, at.line, "service "+name+" has the name of stackctl's own edge", "give it another name")
	}
	networks, err := d.meeting()
	if err != nil {
		return err
	}
	if d.project.Networks == nil {
		d.project.Networks = types.Networks{}
	}
	if allInternal(networks) {
		own := types.NetworkConfig{Name: d.config.Project + "_" + edgeNetwork}
		networks[edgeNetwork], d.project.Networks[edgeNetwork] = own, own
	}
	if d.project.Volumes == nil {
		d.project.Volumes = types.Volumes{}
	}
	d.project.Volumes[edgeVolume] = types.VolumeConfig{Name: d.config.Project + "_" + edgeVolume}
	service := edgeService(d.config.Traefik, sortedKeys(networks))
	for n := range service.Networks {
		service.Networks[n] = d.aside(n)
	}
	if d.target.Shared {
		d.joinIngress(&service)
	}
	if err := d.relative(service.Volumes); err != nil {
		return err
	}
	if file, guarded := StaffFiles(d.config)[StaffHtpasswd]; guarded {
		if d.project.Secrets == nil {
			d.project.Secrets = types.Secrets{}
		}
		d.project.Secrets[StaffHtpasswd] = types.SecretConfig{Name: d.config.Project + "_" + StaffHtpasswd, File: file}
		service.Secrets = []types.ServiceSecretConfig{{Source: StaffHtpasswd, Target: "/run/secrets/" + StaffHtpasswd}}
	}
	d.project.Services[name] = service
	d.layers[name] = infer.Decision{Layer: stack.LayerEdge, LayerCause: "stackctl's own edge"}
	d.places[name] = place{d.config.File, d.config.Routes[0].Line}
	return nil
}

// relative writes the sources of binds as the compose files do: from their folder.
func (d *Draft) relative(mounts []types.ServiceVolumeConfig) error {
	for i, v := range mounts {
		if v.Type != types.VolumeTypeBind {
			continue
		}
		rel, err := filepath.Rel(d.folder(), v.Source)
		if err != nil {
			return stack.Usage(d.config.File, 0, err.Error(), "keep stackctl.yaml and the compose files on one drive")
		}
		mounts[i].Source = "./" + filepath.ToSlash(rel)
	}
	return nil
}

// shareEdge puts the project's own edge behind the server's ingress, where the
// target is shared.
func (d *Draft) shareEdge() error {
	name := d.config.Traefik.Service
	edge, there := d.project.Services[name]
	if !d.target.Shared || !there {
		return nil
	}
	at := d.places[name]
	if edge.NetworkMode != "" {
		return stack.Usage(at.file, at.line, "service "+name+" has network_mode "+edge.NetworkMode+", and the server's ingress reaches an edge over a network", "remove network_mode, or shared from the target")
	}
	for _, p := range edge.Ports {
		if (p.Published == "80" || p.Published == "443") && (p.Protocol == "udp" || strconv.Itoa(int(p.Target)) != p.Published) {
			return stack.Usage(at.file, at.line, fmt.Sprintf("service %s publishes %s as %d/%s, and the server's ingress leads to 80 and 443 over TCP", name, p.Published, p.Target, p.Protocol),
				`publish "80:80" and "443:443" alone, or remove shared from the target`)
		}
	}
	if edge.Networks == nil {
		edge.Networks = map[string]*types.ServiceNetworkConfig{}
	}
	d.joinIngress(&edge)
	d.project.Services[name] = edge
	return nil
}

// joinIngress puts an edge behind the server's ingress, which has its web ports.
func (d *Draft) joinIngress(edge *types.ServiceConfig) {
	edge.Ports = slices.DeleteFunc(edge.Ports, func(p types.ServicePortConfig) bool { return p.Published == "80" || p.Published == "443" })
	if d.project.Networks == nil {
		d.project.Networks = types.Networks{}
	}
	edge.Networks[stack.IngressProject] = &types.ServiceNetworkConfig{Aliases: []string{stack.IngressAlias(d.config.Project)}}
	d.project.Networks[stack.IngressProject] = types.NetworkConfig{Name: stack.IngressProject, External: true}
}

// meeting are the networks on which the edge meets the services of its routes.
func (d *Draft) meeting() (types.Networks, error) {
	networks := types.Networks{}
	for _, r := range d.config.Routes {
		if r.Redirect != "" {
			continue
		}
		asked := []stack.RouteSpec{r}
		if r.Errors != nil {
			asked = append(asked, stack.RouteSpec{Service: r.Errors.Service, Line: r.Line})
		}
		for _, a := range asked {
			joined, err := d.reach(a)
			if err != nil {
				return nil, err
			}
			for _, n := range joined {
				networks[n] = d.project.Networks[n]
			}
		}
	}
	return networks, nil
}

// closePorts takes away the published ports that the edge serves, or that
// nobody declared.
func (d *Draft) closePorts() {
	for _, name := range sortedKeys(d.project.Services) {
		s := d.project.Services[name]
		stays := infer.Published(d.subject(s), d.config.Routes, d.config.Gates.Exposure.Allow)
		var ports []types.ServicePortConfig
		for i, p := range s.Ports {
			if stays[i] {
				ports = append(ports, p)
			}
		}
		s.Ports = ports
		d.project.Services[name] = s
	}
}

// reach returns the networks on which the edge meets a route's service.
func (d *Draft) reach(r stack.RouteSpec) ([]string, error) {
	refuse := func(problem, fix string) ([]string, error) {
		return nil, stack.Usage(d.config.File, r.Line, "routes: "+problem, fix)
	}
	s, ok := d.project.Services[r.Service]
	switch {
	case !ok && d.left[r.Service] != "":
		return refuse("service "+r.Service+" is left out: "+d.left[r.Service], "route to what it served")
	case !ok:
		return refuse(fmt.Sprintf("there is no service %q", r.Service), "the compose files have "+strings.Join(sortedKeys(d.project.Services), ", "))
	case !d.deployed(s):
		return refuse("service "+r.Service+" is in no profile that is deployed", "name one of "+strings.Join(s.Profiles, ", ")+" under compose.profiles, or remove the route")
	case d.layers[r.Service].OneShot:
		return refuse("service "+r.Service+" runs once and answers nobody", "route to a service that goes on")
	case strings.HasPrefix(s.NetworkMode, "service:"):
		return refuse("service "+r.Service+" is on the network of another", "route to "+strings.TrimPrefix(s.NetworkMode, "service:"))
	case s.NetworkMode != "":
		return refuse("service "+r.Service+" is on the network "+s.NetworkMode+", where the edge cannot reach it", "remove network_mode, or the route")
	case r.Sticky && s.GetScale() > 1 && len(d.longestReplica(s)) > stack.MostLabel:
		return refuse(fmt.Sprintf("sticky: a container of service %s would be called %s, %d characters, and a host name has %d", r.Service, d.longestReplica(s), len(d.longestReplica(s)), stack.MostLabel),
			"give the project or the service a shorter name, or remove sticky")
	}
	return sortedKeys(s.Networks), nil
}

// longestReplica is the container's name of a service's last replica; an ID has 12 digits.
func (d *Draft) longestReplica(s types.ServiceConfig) string {
	return stack.ReplicaContainer(stack.AppProject(d.config.Project, placeholder[1:]), s.Name, s.GetScale())
}

func allInternal(networks types.Networks) bool {
	for _, n := range networks {
		if !n.Internal {
			return false
		}
	}
	return true
}

// StaffFiles are the files of the staff's password and its hash, where a route
// of the own edge is guarded: NAME_password and NAME_htpasswd.
func StaffFiles(c stack.Config) map[string]string {
	guarded := slices.ContainsFunc(c.Routes, func(r stack.RouteSpec) bool { return r.Guard == "staff" })
	if !c.Traefik.Own || !guarded {
		return nil
	}
	password := c.Traefik.Staff.PasswordFile
	return map[string]string{staffPassword: password, StaffHtpasswd: strings.TrimSuffix(password, "_password") + "_htpasswd"}
}

// edgeService is the edge as Compose runs it: root without capabilities but
// the one for ports 80 and 443, and nothing of its own to write but the
// certificates.
func edgeService(t stack.Traefik, networks []string) types.ServiceConfig {
	probe, timeout, start, retries := types.Duration(5*time.Second), types.Duration(3*time.Second), types.Duration(30*time.Second), uint64(10)
	grace := types.Duration(15 * time.Second)
	limit := "640MiB"
	s := types.ServiceConfig{
		Name: t.Service, Image: edgeImage, Command: types.ShellCommand{"--configFile=/etc/traefik/traefik.yml"},
		User: "0:0", ReadOnly: true, CapDrop: []string{"ALL"}, CapAdd: []string{"NET_BIND_SERVICE"}, SecurityOpt: []string{"no-new-privileges:true"},
		Restart: types.RestartPolicyUnlessStopped, MemLimit: edgeMemory, StopGracePeriod: &grace,
		Environment: types.MappingWithEquals{"GOMEMLIMIT": &limit},
		Logging:     &types.LoggingConfig{Driver: "json-file", Options: types.Options{"max-size": "10m", "max-file": "3"}},
		Ports: []types.ServicePortConfig{
			{Mode: "ingress", Target: 80, Published: "80", Protocol: "tcp"}, {Mode: "ingress", Target: 443, Published: "443", Protocol: "tcp"},
		},
		Volumes: []types.ServiceVolumeConfig{
			{Type: types.VolumeTypeBind, Source: t.Static, Target: "/etc/traefik/traefik.yml", ReadOnly: true},
			{Type: types.VolumeTypeBind, Source: t.Dynamic, Target: "/etc/traefik/dynamic", ReadOnly: true},
			{Type: types.VolumeTypeVolume, Source: edgeVolume, Target: "/acme", Volume: &types.ServiceVolumeVolume{}},
		},
		Networks: map[string]*types.ServiceNetworkConfig{},
		HealthCheck: &types.HealthCheckConfig{Test: types.HealthCheckTest{"CMD", "traefik", "healthcheck", "--configFile=/etc/traefik/traefik.yml"},
			Interval: &probe, Timeout: &timeout, StartPeriod: &start, Retries: &retries},
	}
	for _, n := range networks {
		s.Networks[n] = nil
	}
	return s
}
