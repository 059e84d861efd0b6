package stack

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Service is one service of the resolved compose file, with what the gates judge.
type Service struct {
	Name  string `json:"name"`
	Layer Layer  `json:"layer"`
	// Strategy is how a new release replaces it, StrategyCause why: "volume data is writable".
	Strategy      Strategy `json:"strategy"`
	StrategyCause string   `json:"strategy_cause,omitempty"`
	// OneShot services run to completion (x-stackctl: {run: once}).
	OneShot bool `json:"one_shot"`
	// Deployed reports whether the service's profiles are chosen.
	Deployed bool `json:"deployed"`
	// Definition is the hash of the definition that containers are made from;
	// they carry it as LabelDefinition.
	Definition string `json:"definition"`
	// File and Line say where the service is defined.
	File string `json:"file"`
	Line int    `json:"line"`

	Image string `json:"image"`
	// Platform is what the file demands, such as linux/arm64; empty: the host's.
	Platform    string            `json:"platform,omitempty"`
	Command     []string          `json:"command"`
	Entrypoint  []string          `json:"entrypoint"`
	User        string            `json:"user"`
	ReadOnly    bool              `json:"read_only"`
	Privileged  bool              `json:"privileged"`
	CapAdd      []string          `json:"cap_add"`
	CapDrop     []string          `json:"cap_drop"`
	SecurityOpt []string          `json:"security_opt"`
	Devices     []string          `json:"devices"`
	PidMode     string            `json:"pid_mode"`
	IpcMode     string            `json:"ipc_mode"`
	UsernsMode  string            `json:"userns_mode"`
	NetworkMode string            `json:"network_mode"`
	Networks    []string          `json:"networks"`
	Ports       []Port            `json:"ports"`
	Environment map[string]string `json:"environment"`
	Labels      map[string]string `json:"labels"`
	Volumes     []Mount           `json:"volumes"`
	Secrets     []string          `json:"secrets"`
	Profiles    []string          `json:"profiles"`
	DependsOn   map[string]string `json:"depends_on"` // service → condition
	Healthcheck *Healthcheck      `json:"healthcheck"`
	Restart     string            `json:"restart"`
	// MemoryLimit is in bytes; 0 is none.
	MemoryLimit int64             `json:"memory_limit"`
	LogDriver   string            `json:"log_driver"`
	LogOptions  map[string]string `json:"log_options"`
	// StopGrace is how long the service may take to finish its requests.
	StopGrace time.Duration `json:"stop_grace"`
	// Build reports whether the service has a build section, BuildArgs what it is given.
	Build     bool              `json:"build"`
	BuildArgs map[string]string `json:"build_args,omitempty"`
	// ContainerName is a name of its own, where it has one: two releases
	// cannot run side by side then.
	ContainerName  string            `json:"container_name,omitempty"`
	GroupAdd       []string          `json:"group_add,omitempty"`
	CgroupMode     string            `json:"cgroup_mode,omitempty"`
	UTSMode        string            `json:"uts_mode,omitempty"`
	Sysctls        map[string]string `json:"sysctls,omitempty"`
	OOMKillDisable bool              `json:"oom_kill_disable,omitempty"`
	// DeviceRules are rules of the device cgroup, such as "c 1:3 mr".
	DeviceRules []string `json:"device_rules,omitempty"`
	// RootHooks are the commands that run in the container beside its own, as
	// root or privileged.
	RootHooks   []string `json:"root_hooks,omitempty"`
	OOMScoreAdj int64    `json:"oom_score_adj,omitempty"`
	// StopSignal ends the program; empty means SIGTERM.
	StopSignal string `json:"stop_signal,omitempty"`
	// VolumesFrom are services and containers whose volumes it gets too.
	VolumesFrom []string `json:"volumes_from,omitempty"`
	// Upstream is the host name by which the edge reaches it, where that is not
	// one of its release alone.
	Upstream string `json:"upstream,omitempty"`
	// Aliases are further names that it takes on its networks, ExtraHosts and
	// ExternalLinks names that it resolves by itself.
	Aliases       []string `json:"aliases,omitempty"`
	ExtraHosts    []string `json:"extra_hosts,omitempty"`
	ExternalLinks []string `json:"external_links,omitempty"`
	// FixedAddress is an address that the files give it on a network.
	FixedAddress string `json:"fixed_address,omitempty"`
	// Stopped reports whether the files want no container of it (replicas: 0).
	Stopped bool `json:"stopped,omitempty"`
	// Replicas is how many containers of it run side by side; 0: one at most.
	Replicas int `json:"replicas,omitempty"`
}

// Elsewhere is the host of a PostgreSQL server outside of the project whose client alone a
// service of the data layer is; empty: it is none. A client reads PGHOST, and a server is
// started as postgres.
func (r Release) Elsewhere(s Service) string {
	host := s.Environment["PGHOST"]
	ip, err := netip.ParseAddr(host)
	ours := func(o Service) bool {
		return o.Name == host || o.ContainerName == host || slices.Contains(o.Aliases, host)
	}
	if s.Layer != LayerData || slices.ContainsFunc(r.Services, ours) || host == "localhost" || strings.HasPrefix(host, "/") || err == nil && ip.Unmap().IsLoopback() || len(s.Command) == 0 || slices.Contains(s.Command, "postgres") {
		return ""
	}
	return host
}

// Port is one published port.
type Port struct {
	HostIP    string `json:"host_ip"`
	Published string `json:"published"`
	Target    uint32 `json:"target"`
	Protocol  string `json:"protocol"`
	Mode      string `json:"mode"`
}

// Local reports whether the host alone reaches the port.
func (p Port) Local() bool {
	ip, err := netip.ParseAddr(p.HostIP)
	return err == nil && ip.Unmap().IsLoopback()
}

// Declares reports whether a project declares a port that a service publishes beside
// stackctl's own edge: TCP under gates.exposure.allow, UDP and SCTP by being published.
func (e ExposureGate) Declares(p Port) bool {
	n, err := strconv.Atoi(p.Published)
	return p.UDP() || strings.EqualFold(p.Protocol, "sctp") || err == nil && slices.Contains(e.Allow, n)
}

// UDP reports whether the port is one of UDP.
func (p Port) UDP() bool { return strings.EqualFold(p.Protocol, "udp") }

// Mount is one volume, bind or tmpfs of a service.
type Mount struct {
	Type     string `json:"type"`
	Source   string `json:"source"`
	Target   string `json:"target"`
	ReadOnly bool   `json:"read_only"`
	// Persistent reports whether it is a folder or a file of the project on the host
	// which outlives every release (Release.Persistent); Source is its path there.
	Persistent bool `json:"persistent,omitempty"`
}

// Healthcheck is a service's health check; Test is empty where it is disabled.
type Healthcheck struct {
	Test     []string      `json:"test"`
	Interval time.Duration `json:"interval"`
	Timeout  time.Duration `json:"timeout"`
	Retries  int           `json:"retries"`
	Disabled bool          `json:"disabled"`
	// StartPeriod is how long failures do not count.
	StartPeriod time.Duration `json:"start_period,omitempty"`
}
