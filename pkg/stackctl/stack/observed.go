package stack

import (
	"cmp"
	"io"
	"time"
)

// Observed is what is on a host now. It is read afresh by every run; nothing
// relies on a memory of what was done.
type Observed struct {
	// At is when, by the host's own clock.
	At         time.Time   `json:"at"`
	Host       HostFacts   `json:"host"`
	Containers []Container `json:"containers"`
	// Adopted are the containers of the project that docker compose made, as far as
	// they are set apart from Containers.
	Adopted  []Container     `json:"adopted,omitempty"`
	Images   []HostImage     `json:"images"`
	Networks []string        `json:"networks"`
	Volumes  []string        `json:"volumes"`
	Releases []ReleaseRecord `json:"releases"`
	// Live is the release that the edge points at; empty: none.
	Live string `json:"live"`
	// Routed are the services of Live that the edge leads to, sorted.
	Routed []string `json:"routed,omitempty"`
	// Files maps a path (relative to the target's Path) to the SHA-256 of its
	// content, in hex, for the files that a release would write.
	Files map[string]string `json:"files"`
	// Ingress are the hosts that the server's ingress leads to each project; nil:
	// its folder is not there.
	Ingress map[string][]string `json:"ingress,omitempty"`
	// Astray are the projects for which the ingress leads to a copy of the edge, or on
	// one node otherwise than on another, sorted: a run is at work, was cut off, or was
	// missed by a node.
	Astray []string `json:"astray,omitempty"`
	// Edges are the nodes of a cluster that visitors reach and that answer, in the order
	// of the settings; none: the target is one server.
	Edges []string `json:"edges,omitempty"`
	// Unrouted reports whether the folder of the edge's dynamic files is not there, or is
	// not the one that the edge reads.
	Unrouted bool `json:"unrouted,omitempty"`
}

// Record returns what the host keeps about a release; of one that it keeps
// nothing of, the ID alone.
func (o Observed) Record(id string) ReleaseRecord {
	for _, r := range o.Releases {
		if r.ID == id {
			return r
		}
	}
	return ReleaseRecord{ID: id}
}

// HostFacts describe the server.
type HostFacts struct {
	OS            string `json:"os"`
	Kernel        string `json:"kernel"`
	Arch          string `json:"arch"` // as GOARCH
	EngineVersion string `json:"engine_version"`
	APIVersion    string `json:"api_version"`
	// Store is "graphdriver" or "containerd".
	Store string `json:"store"`
	// DockerRoot is the folder where the engine keeps images and volumes.
	DockerRoot  string    `json:"docker_root"`
	CPUs        int       `json:"cpus"`
	MemoryBytes int64     `json:"memory_bytes"`
	DiskBytes   int64     `json:"disk_bytes"`        // how much the target's Path can hold at all; below 0: not known
	FreeBytes   int64     `json:"free_bytes"`        // of the target's Path; below 0: not known
	FreeFiles   int64     `json:"free_files"`        // how many more files fit there; below 0: not known
	DockerBytes int64     `json:"docker_bytes"`      // how much DockerRoot can hold at all; below 0: not known
	DockerFree  int64     `json:"docker_free_bytes"` // of DockerRoot; below 0: not known
	DockerFiles int64     `json:"docker_free_files"` // how many more files fit there; below 0: not known
	FreeMemory  int64     `json:"free_memory_bytes"` // with free swap; 0: not known
	Clock       time.Time `json:"clock"`
	// Node is the node of a cluster that keeps the records, Away those that do not answer.
	Node string   `json:"node,omitempty"`
	Away []string `json:"away,omitempty"`
	// Skew is how far the clocks of a cluster's nodes are apart at most.
	Skew time.Duration `json:"skew,omitempty"`
	// Nodes are the facts of each node of a cluster that answers. What the cluster has is
	// their sum, what is free of its disks the least of any.
	Nodes []HostFacts `json:"nodes,omitempty"`
}

// Each returns the facts of each host: of the nodes of a cluster, or of the one server.
func (h HostFacts) Each() []HostFacts {
	if len(h.Nodes) > 0 {
		return h.Nodes
	}
	return []HostFacts{h}
}

// Container is one container on the host, ours or not.
type Container struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Project string `json:"project"` // compose project
	Service string `json:"service"`
	Release string `json:"release"`
	Layer   Layer  `json:"layer"`
	Image   string `json:"image"`    // reference
	ImageID string `json:"image_id"` // sha256:…
	// ConfigHash is Compose's own hash of the service definition.
	ConfigHash string `json:"config_hash"`
	State      string `json:"state"`  // running, exited, …
	Health     string `json:"health"` // healthy, unhealthy, starting, none
	// Checked is when the last health check since Started ended; zero: none did.
	Checked time.Time `json:"checked,omitzero"`
	// CheckDue is when the next one has ended at the latest; zero: none is due.
	CheckDue time.Time `json:"check_due,omitzero"`
	ExitCode int       `json:"exit_code"`
	Started  time.Time `json:"started"`
	Restarts int       `json:"restarts"`
	// OutOfMemory reports whether it was ended for want of memory the last time that it ended.
	OutOfMemory bool `json:"out_of_memory,omitempty"`
	// Networks are those that the container is on, sorted; Addresses maps one to
	// the container's address on it.
	Networks    []string          `json:"networks,omitempty"`
	Addresses   map[string]string `json:"addresses"`
	NetworkMode string            `json:"network_mode"`
	Ports       []Port            `json:"ports"`
	Labels      map[string]string `json:"labels"`
	// Mounts are the host's files and folders, those of volumes too, that the
	// container has mounted.
	Mounts []string `json:"mounts,omitempty"`
	// Writes are the volumes, by name, and the host's files and folders, by
	// absolute path, that it may write to.
	Writes []string `json:"writes,omitempty"`
	// Written is how many bytes it has written into its own file system, in no volume;
	// it is asked of adopted containers alone.
	Written int64 `json:"written_bytes,omitempty"`
	// Node is the node of a cluster that it is on; empty: the target is one server.
	Node string `json:"node,omitempty"`
	// Away reports whether that node does not answer; its data, if it has any, is there.
	Away bool `json:"away,omitempty"`
	// Privileged containers are the host, for all that they can do.
	Privileged bool `json:"privileged,omitempty"`
}

// Kept is a volume that a service keeps on one node of a cluster.
type Kept struct {
	// Project is whose service it is, and Compose the compose project that it is in.
	Project, Compose, Service string
	Layer                     Layer
	Volume                    string
}

// Absent is a node of a cluster that does not answer.
type Absent struct {
	Node   string `json:"node"`
	Reason string `json:"reason"`
}

// String is the node as a run tells it.
func (a Absent) String() string { return a.Node + " does not answer: " + a.Reason }

// AdviseAway returns what to do about data on a node of a cluster that does not answer.
func AdviseAway(node string) string {
	return "bring " + node + " back, and its data comes back with it; where it is lost for good, `stackctl node drain " + node + " --from latest` moves what the newest backup holds"
}

// OneShot reports whether the container runs to completion (x-stackctl: {run: once}).
func (c Container) OneShot() bool { return c.Labels[LabelOnce] == "true" }

// Active reports whether the container's program runs, or may at any moment.
func (c Container) Active() bool {
	return c.State == "running" || c.State == "restarting" || c.State == "paused"
}

// HostImage is one image in the host's store.
type HostImage struct {
	ID   string   `json:"id"`
	Tags []string `json:"tags"`
	// Digests are its names in registries: postgres@sha256:….
	Digests []string `json:"digests,omitempty"`
	Layers  []string `json:"layers"` // diff IDs, lowest first
	Bytes   int64    `json:"bytes"`
	// Shipped reports whether containerd's store got it from stackctl.
	Shipped bool `json:"shipped,omitempty"`
	// Nodes are those of a cluster that have it.
	Nodes []string `json:"nodes,omitempty"`
}

// ReleaseState is how a release's deploy ended.
type ReleaseState string

// The states of a release on the host.
const (
	ReleaseStarted ReleaseState = "started" // its deploy has not ended, or was cut off
	ReleaseGood    ReleaseState = "good"
	ReleaseFailed  ReleaseState = "failed"
	// ReleaseUnreadable is that of a record which holds nothing, or garbage; only
	// its ID and Reason are known. It is never written.
	ReleaseUnreadable ReleaseState = "unreadable"
)

// ReleaseRecord is what the host keeps about a release, in
// releases/<id>/release.json.
type ReleaseRecord struct {
	ID      string       `json:"id"`
	Commit  string       `json:"commit"`
	Created time.Time    `json:"created"`
	By      string       `json:"by"` // whose run made it live
	State   ReleaseState `json:"state"`
	Reason  string       `json:"reason,omitempty"`
	// Switched is when it went live last; a deploy of what is live does not change it.
	Switched time.Time `json:"switched"`
	// Turn counts the releases that went live on the host: it orders them, whatever
	// the host's clock said. 0: it never did, or a stackctl of before kept the record.
	Turn   int     `json:"turn,omitempty"`
	Images []Image `json:"images"`
	// Files are the SHA-256 sums (hex) of what its folder keeps, by name.
	Files map[string]string `json:"files,omitempty"`
	// Schema is the migration version that the release was made for.
	Schema int64 `json:"schema"`
}

// Newer compares two records for sorting: the one that went live last comes first.
func Newer(a, b ReleaseRecord) int {
	return cmp.Or(cmp.Compare(b.Turn, a.Turn), b.Switched.Compare(a.Switched))
}

// LockInfo says who holds a project's lock.
type LockInfo struct {
	Owner string    `json:"owner"` // user@machine
	Run   string    `json:"run"`
	Since time.Time `json:"since"`
	// Beat is when the holder was last heard of; without another one the lock
	// is free at Expires.
	Beat    time.Time `json:"beat"`
	Expires time.Time `json:"expires"`
}

// Output is what a command left.
type Output struct {
	Stdout []byte
	Stderr []byte
	Exit   int
}

// LogOptions say which part of a container's output is wanted.
type LogOptions struct {
	// Tail is how many last lines; 0 or less means all.
	Tail int
	// Since leaves out what is older; zero means nothing is.
	Since time.Time
	// Follow goes on until the container stops or the context ends.
	Follow bool
	// Times puts the time (RFC 3339) and a space before each line.
	Times bool
}

// Terminal is the operator's terminal, for a command that wants one.
type Terminal struct {
	In  io.Reader
	Out io.Writer
	// Sizes are the terminal's columns and rows, first and whenever they change.
	Sizes <-chan [2]uint
}

// DiskUse is what a project takes of a host's disk. A part that could not be
// read is below zero.
type DiskUse struct {
	// Node is the node of a cluster whose disk it is; empty: that of one server, or all.
	Node    string `json:"node,omitempty"`
	Total   int64  `json:"total_bytes"`
	Free    int64  `json:"free_bytes"`
	Images  int64  `json:"images_bytes"`
	Volumes int64  `json:"volumes_bytes"`
	Files   int64  `json:"files_bytes"`
}
