package swarm

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/swarm"

	"stackctl/pkg/stackctl/engine"
	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

// specOf is the Swarm service of the first slot of service s.
func specOf(t *testing.T, project, compose string, change func(*blueprint)) (swarm.ServiceSpec, error) {
	t.Helper()
	p, err := engine.Project(context.Background(), project, []byte(compose))
	if err != nil {
		t.Fatal(err)
	}
	b := blueprint{project: p, nodes: []stack.Node{{Name: "one"}, {Name: "two"}, {Name: "three"}}, secrets: map[string]secret{"/srv/shop/secrets/abc/key": {"id1", "shop.abc.key"}}}
	if change != nil {
		change(&b)
	}
	return b.spec(p.Services["s"], stack.Slot{Service: "s", N: 1, Nodes: []string{"one", "three"}})
}

const hardened = `name: shop
services:
  s:
    image: sha256:1234
    command: [serve]
    environment: {A: "1", B: two}
    user: 999:999
    read_only: true
    cap_drop: [ALL]
    cap_add: [CHOWN]
    security_opt: ["no-new-privileges:true"]
    mem_limit: "1048576"
    pids_limit: 50
    shm_size: "67108864"
    restart: unless-stopped
    stop_grace_period: 30s
    tmpfs: ["/tmp", "/run/db:uid=999,gid=999,size=1m"]
    ulimits: {nofile: {soft: 10, hard: 20}}
    sysctls: {net.core.somaxconn: "1024"}
    logging: {driver: json-file, options: {max-size: 10m}}
    healthcheck: {test: [CMD, ok], interval: 5s, timeout: 1s, retries: 3, start_period: 9s, start_interval: 1s}
    secrets: [{source: key, target: /run/secrets/key}]
    networks: {app: {aliases: [s-abc]}}
    ports: [{target: 22, published: "2222", protocol: tcp, mode: host}]
    labels: {dev.stackctl.project: shop, dev.stackctl.layer: app}
    volumes:
      - {type: bind, source: /srv/shop/files/x, target: /x, read_only: true}
      - {type: volume, source: pg, target: /data}
networks: {app: {name: shop_app}}
volumes: {pg: {name: shop_pg}}
secrets: {key: {file: /srv/shop/secrets/abc/key}}
`

func TestAllOfADefinitionIsCarried(t *testing.T) {
	got, err := specOf(t, "shop", hardened, nil)
	if err != nil {
		t.Fatal(err)
	}
	c, limits := got.TaskTemplate.ContainerSpec, got.TaskTemplate.Resources.Limits
	raw, _ := json.Marshal(got)
	for what, is := range map[string]bool{
		"no new privileges": c.Privileges != nil && c.Privileges.NoNewPrivileges,
		"capabilities":      slices.Equal(c.CapabilityDrop, []string{"ALL"}) && slices.Equal(c.CapabilityAdd, []string{"CHOWN"}),
		"read-only root":    c.ReadOnly,
		"user":              c.User == "999:999",
		"memory, processes": limits.MemoryBytes == 1<<20 && limits.Pids == 50,
		"environment":       slices.Equal(c.Env, []string{"A=1", "B=two"}),
		"health":            c.Healthcheck != nil && c.Healthcheck.StartInterval == time.Second && c.Healthcheck.Retries == 3 && c.Healthcheck.Interval == 5*time.Second,
		"grace":             c.StopGracePeriod != nil && *c.StopGracePeriod == 30*time.Second,
		"restart":           got.TaskTemplate.RestartPolicy.Condition == swarm.RestartPolicyConditionAny,
		"log":               got.TaskTemplate.LogDriver != nil && got.TaskTemplate.LogDriver.Options["max-size"] == "10m",
		"limits of files":   len(c.Ulimits) == 1 && c.Ulimits[0].Soft == 10 && c.Ulimits[0].Hard == 20,
		"sysctl":            c.Sysctls["net.core.somaxconn"] == "1024",
		"secret":            len(c.Secrets) == 1 && c.Secrets[0].SecretID == "id1" && c.Secrets[0].File.Name == "key" && c.Secrets[0].File.Mode == 0o444,
		"no value of it":    !strings.Contains(string(raw), "/srv/shop/secrets"),
		"port at a node":    len(got.EndpointSpec.Ports) == 1 && got.EndpointSpec.Ports[0].PublishedPort == 2222 && got.EndpointSpec.Ports[0].PublishMode == swarm.PortConfigPublishModeHost,
		"no virtual IP":     got.EndpointSpec.Mode == swarm.ResolutionModeDNSRR,
		"one container":     *got.Mode.Replicated.Replicas == 1,
		"its nodes":         slices.Equal(got.TaskTemplate.Placement.Constraints, []string{"node.labels.dev.stackctl.node!=two"}),
		"its names":         slices.Equal(got.TaskTemplate.Networks[0].Aliases, []string{"shop-s-1", "s", "s-abc"}) && got.TaskTemplate.Networks[0].Target == "shop_app",
	} {
		if !is {
			t.Errorf("%s is not carried:\n%s", what, raw)
		}
	}
	var at []string
	for _, m := range c.Mounts {
		text := string(m.Type) + " " + m.Source + " " + m.Target
		if m.VolumeOptions != nil && m.VolumeOptions.DriverConfig != nil {
			text += " " + m.VolumeOptions.DriverConfig.Options["o"]
		}
		at = append(at, text)
	}
	if want := []string{"bind /srv/shop/files/x /x", "volume shop_pg /data", "tmpfs  /tmp", "volume  /run/db nosuid,nodev,noexec,uid=999,gid=999,size=1048576", "tmpfs  /dev/shm"}; !slices.Equal(at, want) {
		t.Errorf("mounts %q, not %q", at, want)
	}
}

func TestAReleaseHasItsPlainNamesForItself(t *testing.T) {
	got, err := specOf(t, "shop-0123456789ab", hardened, func(b *blueprint) { b.private = "shop-0123456789ab_release" })
	if err != nil {
		t.Fatal(err)
	}
	n := got.TaskTemplate.Networks
	if len(n) != 2 || slices.Contains(n[0].Aliases, "s") || n[1].Target != "shop-0123456789ab_release" || !slices.Equal(n[1].Aliases, []string{"s"}) {
		t.Errorf("%+v", n)
	}
}

func TestAnotherDefinitionIsAnotherSum(t *testing.T) {
	one, _ := specOf(t, "shop", hardened, nil)
	same, _ := specOf(t, "shop", hardened, nil)
	other, _ := specOf(t, "shop", strings.Replace(hardened, "two", "three", 1), nil)
	if one.Labels[labelSpec] != same.Labels[labelSpec] || one.Labels[labelSpec] == other.Labels[labelSpec] {
		t.Errorf("%s %s %s", one.Labels[labelSpec], same.Labels[labelSpec], other.Labels[labelSpec])
	}
}

// A cache that keeps nothing on a node is not replaced because a node that it might
// run on is away; one whose data is elsewhere now is.
func TestAServiceStaysWhileAnotherNodeIsAway(t *testing.T) {
	p, err := engine.Project(context.Background(), "shop", []byte(hardened))
	if err != nil {
		t.Fatal(err)
	}
	b := blueprint{project: p, nodes: []stack.Node{{Name: "one"}, {Name: "two"}, {Name: "three"}}, secrets: map[string]secret{"/srv/shop/secrets/abc/key": {"id1", "shop.abc.key"}}}
	sum := func(nodes ...string) string {
		spec, err := b.spec(p.Services["s"], stack.Slot{Service: "s", N: 1, Nodes: nodes})
		if err != nil || len(spec.TaskTemplate.Placement.Constraints) != map[int]int{1: 1, 2: 1, 3: 0}[len(nodes)] {
			t.Errorf("%v: %v %v", nodes, err, spec.TaskTemplate.Placement)
		}
		return spec.Labels[labelSpec]
	}
	if sum("one", "two", "three") != sum("one", "two") {
		t.Error("it is replaced")
	}
	if sum("one") == sum("two") {
		t.Error("it stays where its data is no more")
	}
}

func TestWhatASwarmServiceCannotHaveIsRefusedByItsKey(t *testing.T) {
	for key, more := range map[string]string{
		"privileged": "privileged: true", "devices": "devices: [/dev/kvm]", "network_mode": "network_mode: host", "pid": "pid: host", "ipc": "ipc: host",
		"container_name": "container_name: db", "runtime": "runtime: runsc", "cpuset": "cpuset: '0'", "memswap_limit": "memswap_limit: 1g",
		"userns_mode": "userns_mode: host", "cgroup": "cgroup_parent: x", "links": "links: [t]", "oom_kill_disable": "oom_kill_disable: true",
		"security_opt":    "security_opt: ['seccomp:profile.json']",
		"ports":           "ports: [{target: 80, published: '8080', host_ip: 127.0.0.1}]",
		"networks.app":    "networks: {app: {ipv4_address: 10.1.2.3}}",
		"volumes":         "volumes: ['/var/run/docker.sock:/var/run/docker.sock:ro']",
		"volumes: /srv":   "volumes: ['/srv/shop/data/uploads:/uploads']",
		"storage_opt":     "storage_opt: {size: 1G}",
		"credential_spec": "credential_spec: {file: x.json}",
	} {
		text := "services:\n  t: {image: y}\n  s:\n    image: x\n    " + more + "\nnetworks: {app: {ipam: {config: [{subnet: 10.1.2.0/24}]}}}\n"
		p, err := engine.Project(context.Background(), "shop", []byte(text))
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		got := release.Uncarried(p.Services["s"])
		if len(got) != 1 || !strings.HasPrefix(got[0], key) {
			t.Errorf("%s: %q", more, got)
		}
		b := blueprint{project: p}
		if _, err := b.spec(p.Services["s"], stack.Slot{Service: "s", N: 1}); err == nil {
			t.Errorf("%s is made into a service all the same", more)
		}
	}
	p, err := engine.Project(context.Background(), "shop", []byte(hardened))
	if err != nil {
		t.Fatal(err)
	}
	if got := release.Uncarried(p.Services["s"]); len(got) > 0 {
		t.Errorf("refused for nothing: %q", got)
	}
}

// On one server a container's own volume outlives it; a Swarm makes another.
func TestAStoreWithoutAVolumeIsRefused(t *testing.T) {
	for more, refused := range map[string]bool{
		"": true, "volumes: [/var/lib/db]": true, "volumes: ['./x:/x:ro']": true,
		"volumes: ['pg:/var/lib/db']": false, "tmpfs: [/data]": false, "volumes: [{type: tmpfs, target: /data}]": false,
	} {
		for layer, counts := range map[string]bool{"data": true, "app": false} {
			text := "services:\n  s:\n    image: x\n    labels: {dev.stackctl.layer: " + layer + "}\n    " + more + "\nvolumes: {pg: {}}\n"
			p, err := engine.Project(context.Background(), "shop", []byte(text))
			if err != nil {
				t.Fatalf("%s: %v", more, err)
			}
			if got := release.Uncarried(p.Services["s"]); (len(got) > 0) != (refused && counts) {
				t.Errorf("%s %q: %q", layer, more, got)
			}
		}
	}
}

func TestAServiceIsJudgedByItsTasks(t *testing.T) {
	now := time.Now()
	task := func(state swarm.TaskState, more ...func(*swarm.Task)) swarm.Task {
		out := swarm.Task{DesiredState: swarm.TaskStateRunning, Status: swarm.TaskStatus{State: state, Timestamp: now.Add(-3 * time.Second)}}
		for _, m := range more {
			m(&out)
		}
		return out
	}
	failed := task(swarm.TaskStateFailed, func(t *swarm.Task) { t.Status.Err = "task: non-zero exit (1)" })
	rejected := task(swarm.TaskStateRejected, func(t *swarm.Task) { t.Status.Err = "No such image" })
	one := uint64(1)
	replicated := swarm.Service{Spec: swarm.ServiceSpec{Mode: swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &one}}}}
	job := swarm.Service{Spec: swarm.ServiceSpec{Mode: swarm.ServiceMode{ReplicatedJob: &swarm.ReplicatedJob{}}}}
	for name, c := range map[string]struct {
		service swarm.Service
		tasks   []swarm.Task
		settle  time.Duration
		state   string
		ready   bool
		fault   string
	}{
		"no task yet":         {replicated, nil, 0, "new", false, ""},
		"starting":            {replicated, []swarm.Task{task(swarm.TaskStateStarting)}, 0, "starting", false, ""},
		"healthy":             {replicated, []swarm.Task{task(swarm.TaskStateRunning), failed}, 0, "ready", true, ""},
		"not settled":         {replicated, []swarm.Task{task(swarm.TaskStateRunning)}, 5 * time.Second, "running", false, ""},
		"settled":             {replicated, []swarm.Task{task(swarm.TaskStateRunning)}, 2 * time.Second, "ready", true, ""},
		"ends again":          {replicated, []swarm.Task{failed, failed, failed, failed, failed}, 0, "", false, "non-zero exit (1)"},
		"no node takes it":    {replicated, []swarm.Task{rejected, rejected, rejected}, 0, "", false, "No such image"},
		"waits for a node":    {replicated, []swarm.Task{task(swarm.TaskStatePending, func(t *swarm.Task) { t.Status.Err = "no suitable node" })}, 0, "pending (no suitable node)", false, ""},
		"a job has ended":     {job, []swarm.Task{task(swarm.TaskStateComplete)}, 0, "complete", true, ""},
		"a job has failed":    {job, []swarm.Task{failed}, 0, "", false, "non-zero exit (1)"},
		"one that is to stop": {replicated, []swarm.Task{task(swarm.TaskStateRunning, func(t *swarm.Task) { t.DesiredState = swarm.TaskStateShutdown })}, 0, "running", false, ""},
	} {
		state, ready, err := judge(c.service, c.tasks, c.settle, now)
		if state != c.state || ready != c.ready || (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%s: %q %t %v", name, state, ready, err)
		}
	}
}

func TestASecretsNameTellsItsSumAndFits(t *testing.T) {
	if got := secretName("shop", "/srv/shop", "/srv/shop/secrets/1cfaee9a42ed/key"); got != "shop.1cfaee9a42ed.key" {
		t.Error(got)
	}
	long := secretName("shop", "/srv/shop", "/srv/shop/secrets/1cfaee9a42ed/"+strings.Repeat("a", 80))
	other := secretName("shop", "/srv/shop", "/srv/shop/secrets/1cfaee9a42ed/"+strings.Repeat("a", 79)+"b")
	if len(long) > 64 || long == other {
		t.Errorf("%s %s", long, other)
	}
}

func TestAddressesOfTwoNodesAreTwo(t *testing.T) {
	if a, b := dialName("172.18.0.3", "one"), dialName("172.18.0.3", "two"); a == b || a != "172-18-0-3.one.node.invalid" {
		t.Errorf("%s %s", a, b)
	}
	for older1, want := range map[string]bool{"1.43": true, "1.44": false, "1.9": true, "1.51": false} {
		if older(older1, oldestAPI) != want {
			t.Errorf("API %s", older1)
		}
	}
}
