package provision

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

const daemonJSON = "/etc/docker/daemon.json"

// dockerPackages are Debian's own Engine, or docker-ce where the host has a
// repository that offers it. An Engine that is there stays.
func dockerPackages(f Facts) []string {
	var names []string
	if !f.installed("docker.io") && !f.installed("docker-ce") && !f.installed("moby-engine") && f.Engine == "" {
		if f.DockerCE {
			names = append(names, "docker-ce", "docker-ce-cli", "containerd.io")
		} else {
			names = append(names, "docker.io")
		}
	}
	// Pulling images needs the authorities, publishing ports iptables, and a
	// kernel with AppArmor its loader.
	names = append(names, lacking("ca-certificates", "iptables")(f)...)
	if f.AppArmor {
		names = append(names, lacking("apparmor")(f)...)
	}
	return names
}

// planDocker makes the Engine run, now and at boot.
func planDocker(f Facts, _ Settings) *Change {
	if f.running("docker.service") || f.Engine == "" && len(dockerPackages(f)) > 0 {
		return nil // it runs, or its package starts it
	}
	return change("start the Engine, now and at boot",
		[]string{"docker.service is " + unitState(f.Units["docker.service"])},
		Action{Run: []string{"systemctl", "enable", "--now", "docker.service"}})
}

func unitState(s string) string {
	if strings.TrimSpace(s) == "" {
		return "not there"
	}
	return strings.Join(strings.Fields(s), ", ")
}

// restartDocker makes the Engine read its settings. Reloading first switches
// live-restore on, so that running containers survive the restart. With
// settings that it cannot start with, the file before is put back.
const restartDocker = `systemctl reload docker.service 2>/dev/null || true
if ! systemctl restart docker.service; then
  old=$(ls -t "$1".stackctl-*.bak 2>/dev/null | head -n1)
  if [ -n "$old" ]; then cp -p "$old" "$1"; else rm -f "$1"; fi
  systemctl reset-failed docker.service || true
  systemctl restart docker.service || true
  echo "the Engine does not start with the new $1; the one before is back" >&2
  journalctl -u docker.service -n 5 --no-pager -o cat >&2
  exit 1
fi`

// planDaemon merges log limits and live-restore into daemon.json.
func planDaemon(f Facts, s Settings) *Change {
	what, restore := "limit container logs and keep containers running while the Engine restarts ("+daemonJSON+")", liveOn
	switch {
	case s.Member != nil:
		what, restore = "limit container logs, without live-restore, which Swarm does not allow ("+daemonJSON+")", liveOff
	case f.Swarm:
		restore = liveAsItIs
	}
	want, causes := mergeDaemon(f.Files[daemonJSON], restore)
	return change(what, causes,
		Action{File: &File{Path: daemonJSON, Mode: "644", Content: want, Backup: true}},
		Action{Run: shell(restartDocker, daemonJSON)})
}

// live is whether containers go on while the Engine restarts (live-restore).
type live int

const (
	liveOn live = iota
	liveOff
	liveAsItIs // the host is in a Swarm of somebody's
)

// mergeDaemon adds what is missing to daemon.json and loses nothing. Log
// options belong to a driver: those of another driver stay as they are.
func mergeDaemon(now string, restore live) (want string, causes []string) {
	all := map[string]any{}
	if strings.TrimSpace(now) != "" {
		d := json.NewDecoder(strings.NewReader(now))
		d.UseNumber()
		if err := d.Decode(&all); err != nil {
			return now, nil // Observe has refused it
		}
	}
	driver, _ := all["log-driver"].(string)
	if driver == "" {
		driver = "json-file"
		all["log-driver"] = driver
		causes = append(causes, "log-driver is not set")
	}
	if driver == "json-file" || driver == "local" {
		options, _ := all["log-opts"].(map[string]any)
		if options == nil {
			options = map[string]any{}
		}
		for _, o := range [][2]string{{"max-size", "10m"}, {"max-file", "3"}} {
			if _, set := options[o[0]]; !set {
				options[o[0]] = o[1]
				causes = append(causes, "log option "+o[0]+" is not set")
			}
		}
		all["log-opts"] = options
	}
	switch on, _ := all["live-restore"].(bool); {
	case restore == liveOn && !on:
		all["live-restore"] = true
		causes = append(causes, "live-restore is off")
	case restore == liveOff && on:
		all["live-restore"] = false
		causes = append(causes, "live-restore is on")
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(all); err != nil {
		return now, nil
	}
	return b.String(), causes
}

// planUser makes the deploy user, with the group docker and the one key.
func planUser(f Facts, s Settings) *Change {
	var causes []string
	var actions []Action
	if !f.User.Exists {
		causes = append(causes, s.User+" does not exist")
		actions = append(actions, Action{Run: []string{"useradd", "--create-home", "--shell", "/bin/bash", "--password", "*", s.User}})
	}
	if f.User.Password && s.User != "root" && s.User != s.Admin {
		causes = append(causes, s.User+" has a password")
		actions = append(actions, Action{Run: []string{"usermod", "--password", "*", s.User}})
	}
	if s.User != "root" && !slices.Contains(f.User.Groups, "docker") {
		causes = append(causes, s.User+" is not in the group docker")
		actions = append(actions, Action{Run: []string{"usermod", "--append", "--groups", "docker", s.User}})
	}
	if !hasKey(f.User.Keys, s.PublicKey) {
		causes = append(causes, "its authorized_keys lacks the deploy key")
	} else if want := [2]string{s.User + " 700", s.User + " 600"}; f.User.KeyModes != want {
		causes = append(causes, fmt.Sprintf("its .ssh is %q, not %q", f.User.KeyModes, want))
	}
	key := s.PublicKey
	if hasKey(f.User.Keys, key) {
		key = ""
	}
	actions = append(actions, Action{Run: shell(addKey, s.User, key)})
	return change("let "+s.User+" log in with the deploy key and use the Engine", causes, actions...)
}

// addKey appends a key, unless it is empty, and sets the modes that sshd wants.
const addKey = `home=$(getent passwd "$1" | cut -d: -f6)
group=$(id -gn "$1")
install -d -m 700 -o "$1" -g "$group" "$home/.ssh"
keys=$home/.ssh/authorized_keys
if [ -n "$2" ]; then
  if [ -s "$keys" ] && [ -n "$(tail -c1 "$keys")" ]; then echo >>"$keys"; fi
  printf '%s\n' "$2" >>"$keys"
fi
chown "$1:$group" "$keys"
chmod 600 "$keys"`

// hasKey looks for a key by its type and value; comments do not count.
func hasKey(keys, line string) bool {
	want := strings.Fields(line)[:2]
	for l := range strings.Lines(keys) {
		fields := strings.Fields(l)
		if strings.HasPrefix(l, "#") {
			continue
		}
		for i := range len(fields) - 1 {
			if fields[i] == want[0] && fields[i+1] == want[1] {
				return true
			}
		}
	}
	return false
}
