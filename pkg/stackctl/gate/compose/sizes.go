package compose

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// Bounds of sizes that mean something on one server.
const (
	leastMemory = 6 << 20   // Docker refuses less
	mostMemory  = 256 << 30 // no server has so much to lose to one service
	mostLogs    = 10 << 30  // of one service, all its files together
)

func ruleMemory(j *judge) {
	limit := j.svc.MemoryLimit
	switch {
	case limit <= 0:
		j.add(memLimitRule, "no memory limit", "a memory limit", "none", "write mem_limit")
	case limit < leastMemory:
		j.add(memLimitRule, "the memory limit is too small to start with", "6m at least", fmt.Sprintf("%d bytes", limit), "write the unit too, such as mem_limit: 96m")
	case limit > mostMemory:
		j.add(memLimitRule, "the memory limit limits nothing", "less than the server has", fmt.Sprintf("%d bytes", limit), "write what the service needs")
	}
	if told, ok := byteSize(j.svc.Environment["GOMEMLIMIT"]); ok && limit > 0 && told > float64(limit) {
		j.add(memLimitRule, "the program is told of more memory than it gets", "GOMEMLIMIT below mem_limit", j.svc.Environment["GOMEMLIMIT"], "write about four fifths of mem_limit")
	}
}

func ruleLogs(j *judge) {
	fix := `write logging: {driver: json-file, options: {max-size: 10m, max-file: "3"}}`
	switch j.svc.LogDriver {
	case "", "json-file", "local":
		size, ok := byteSize(j.svc.LogOptions["max-size"])
		bounded := j.svc.LogDriver == "local" && j.svc.LogOptions["max-size"] == "" // 20m by itself
		if !bounded && (!ok || size <= 0) {
			j.add(logRotationRule, "logs grow without bound", "max-size of the "+cmp.Or(j.svc.LogDriver, "json-file")+" driver", cmp.Or(j.svc.LogOptions["max-size"], "none"), fix)
			return
		}
		files, err := strconv.ParseFloat(cmp.Or(j.svc.LogOptions["max-file"], "1"), 64)
		if err == nil && size*files > mostLogs {
			j.add(logRotationRule, "logs may fill the disk", fmt.Sprintf("%d GB in all at most", mostLogs>>30), j.svc.LogOptions["max-size"]+", "+cmp.Or(j.svc.LogOptions["max-file"], "1")+" files", fix)
		}
	case "none":
		j.add(logRotationRule, "logs are thrown away", "logs with rotation", "driver none", fix)
	}
}

// byteSize reads a size as Docker and Go write them: 10m, 1.5gb, 64MiB.
func byteSize(text string) (float64, bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	number := strings.TrimRight(text, "kmgtpib ")
	n, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, false
	}
	unit := strings.TrimRight(strings.TrimSpace(text[len(number):]), "ib")
	power := strings.Index("kmgtp", unit)
	if unit == "" {
		return n, true
	}
	for range power + 1 {
		n *= 1024
	}
	return n, power >= 0
}

// ruleForeignVolumes keeps the volumes of the edge and the stores to
// themselves: there are private keys and everybody's data in them.
func ruleForeignVolumes(j *judge) {
	for _, from := range j.svc.VolumesFrom {
		j.add(foreignVolumesRule, "the service gets all volumes of another", "its own volumes, by name", "volumes_from: "+from, "name the volumes that it needs under volumes, at both")
	}
	if j.svc.Layer != stack.LayerApp {
		return
	}
	for _, other := range j.s.Release.Services {
		if other.Layer == stack.LayerApp {
			continue
		}
		for _, m := range other.Volumes {
			for _, mine := range j.svc.Volumes {
				if m.Type == "volume" && mine.Type == "volume" && m.Source == mine.Source && m.Source != "" && !sharedOnPurpose(other, m, mine) {
					j.add(foreignVolumesRule, "the service has a volume of "+other.Name, "its own volumes", "volume "+m.Source, "remove the mount")
				}
			}
		}
	}
}

// sharedFolders are what people name a folder that a store hands to others:
// certificates that its clients need, dumps that something carries away.
var sharedFolders = []string{"cert", "certs", "certificates", "ssl", "tls", "pki", "backup", "backups", "dump", "dumps"}

// sharedOnPurpose reports whether a store's volume is such a folder on both sides, or
// the store's folder of sockets, and holds none of its data.
func sharedOnPurpose(store stack.Service, m, mine stack.Mount) bool {
	holds := func(target string) bool {
		return slices.ContainsFunc(strings.Split(target, "/"), func(folder string) bool { return slices.Contains(sharedFolders, folder) })
	}
	sockets := strings.HasPrefix(m.Target, "/run/") || strings.HasPrefix(m.Target, "/var/run/")
	return store.Layer == stack.LayerData && (sockets || holds(m.Target) && holds(mine.Target))
}
