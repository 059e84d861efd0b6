package node

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"stackctl/pkg/stackctl/stack"
)

// Room is what a filesystem still takes: bytes, and files, which ext4 has a fixed
// number of. Below zero is not known.
type Room struct{ Bytes, Files int64 }

// Disk is one of the two places of a host that a deploy writes to.
type Disk struct {
	Room
	// Total is its size in bytes; below 0: not known.
	Total int64
	// Dir is the folder, Where what it is to a deploy.
	Dir, Where string
	// Node is the node of a cluster; empty: the target is one server.
	Node string
}

// Disks are both of each host, as they were observed; path is the project's folder.
func Disks(seen stack.HostFacts, path string) []Disk {
	var out []Disk
	for _, h := range seen.Each() {
		folder := "in the project's folder"
		if h.Node != "" {
			folder += " on " + h.Node
		}
		out = append(out, Disk{Room{h.FreeBytes, h.FreeFiles}, h.DiskBytes, path, folder, h.Node},
			Disk{Room{h.DockerFree, h.DockerFiles}, h.DockerBytes, h.DockerRoot, "where " + cmp.Or(h.Node, "the host") + " keeps its containers", h.Node})
	}
	return out
}

// What a disk has left at least that is not nearly full: a tenth of it, or bytes that are
// enough however large it is; and files.
const (
	plenty   = 10 << 30
	fewFiles = 10_000
)

// NearlyFull returns what is left of a disk that will soon be full; empty where it is not.
func (d Disk) NearlyFull() string {
	switch {
	case d.Bytes >= 0 && d.Bytes < d.Total/10 && d.Bytes < plenty:
		return fmt.Sprintf("%s of %s are free in %s", Megabytes(d.Bytes), Megabytes(d.Total), d.Dir)
	case d.Files >= 0 && d.Files < fewFiles:
		return fmt.Sprintf("%d more files fit in %s", d.Files, d.Dir)
	}
	return ""
}

// DisksNow measures the disks of a server's hosts; seen are their facts.
func DisksNow(ctx context.Context, server Server, t stack.Target, seen stack.HostFacts) ([]Disk, error) {
	hosts := slices.Clone(seen.Each())
	group, ctx := errgroup.WithContext(ctx)
	for i := range hosts {
		group.Go(func() error { return measure(ctx, memberOf(server, hosts[i].Node), t, &hosts[i]) })
	}
	err := group.Wait()
	return Disks(stack.HostFacts{Nodes: hosts}, t.Path), err
}

// roomScript prints for two folders what a user may still write to their
// filesystems, how many files those can hold at all (0: as many as fit), how
// many more, and how large they are.
const roomScript = `for d; do df -B1 --output=avail,itotal,iavail,size -- "$d" | tail -n1 || echo -1 -1 -1 -1; done`

// measure adds to the facts of a host what is free where the project and where the
// engine keep what is theirs.
func measure(ctx context.Context, h Host, t stack.Target, f *stack.HostFacts) error {
	out, err := h.Run(ctx, "sh", "-c", roomScript, "sh", t.Path, cmp.Or(f.DockerRoot, "/var/lib/docker"))
	words := strings.Fields(string(out.Stdout))
	if len(words) != 8 {
		words = strings.Fields("-1 -1 -1 -1 -1 -1 -1 -1")
	}
	path, engine := roomIn(words[:4]), roomIn(words[4:])
	f.FreeBytes, f.FreeFiles, f.DiskBytes = path.Bytes, path.Files, number(words[3])
	f.DockerFree, f.DockerFiles, f.DockerBytes = engine.Bytes, engine.Files, number(words[7])
	if err != nil && f.Node != "" {
		err = fmt.Errorf("on %s: %w", f.Node, err)
	}
	return err
}

func roomIn(words []string) Room {
	r := Room{number(words[0]), number(words[2])}
	if number(words[1]) <= 0 {
		r.Files = -1
	}
	return r
}

// Below names what is too little; empty where want fits.
func (r Room) Below(want Room) string {
	switch {
	case r.Bytes >= 0 && r.Bytes < want.Bytes:
		return Megabytes(r.Bytes) + " are free"
	case r.Files >= 0 && r.Files < want.Files:
		return fmt.Sprintf("%d more files fit", r.Files)
	}
	return ""
}

func (r Room) String() string { return fmt.Sprintf("%s and %d files", Megabytes(r.Bytes), r.Files) }

// Remedy is what to do about too little.
func (r Room) Remedy(want Room) string {
	if r.Bytes >= 0 && r.Bytes < want.Bytes {
		return FreeSpace
	}
	return "remove files that nobody needs: `du --inodes -x / | sort -n | tail` on the host shows where the many are"
}

// FreeSpace is what to do about a full disk.
const FreeSpace = "free space: lower retention.releases, or see `docker system df` on the host; logs and other people's images count too"

// Megabytes writes a number of bytes for people, rounded up.
func Megabytes(n int64) string { return fmt.Sprintf("%d MB", (n+1<<20-1)>>20) }

// number reads what df prints; -1 is not known.
func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return -1
	}
	return n
}
