package node

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// Room is what a filesystem still takes: bytes, and files, which ext4 has a fixed
// number of. Below zero is not known.
type Room struct{ Bytes, Files int64 }

// Disk is one of the two places of a host that a deploy writes to.
type Disk struct {
	Room
	// Dir is the folder, Where what it is to a deploy.
	Dir, Where string
}

// Disks are both, as they were observed; path is the project's folder.
func Disks(h stack.HostFacts, path string) []Disk {
	return []Disk{
		{Room{h.FreeBytes, h.FreeFiles}, path, "in the project's folder"},
		{Room{h.DockerFree, h.DockerFiles}, h.DockerRoot, "where the host keeps its containers"},
	}
}

// roomScript prints for two folders what a user may still write to their
// filesystems, how many files those can hold at all (0: as many as fit), and how
// many more.
const roomScript = `for d; do df -B1 --output=avail,itotal,iavail -- "$d" | tail -n1 || echo -1 -1 -1; done`

// RoomOf returns what is left where the project and where the engine keep what is theirs.
func RoomOf(ctx context.Context, h Host, t stack.Target, docker string) (path, engine Room, err error) {
	unknown := Room{-1, -1}
	out, err := h.Run(ctx, "sh", "-c", roomScript, "sh", t.Path, cmp.Or(docker, "/var/lib/docker"))
	if err != nil {
		return unknown, unknown, err
	}
	words := strings.Fields(string(out.Stdout))
	if len(words) != 6 {
		return unknown, unknown, nil
	}
	return roomIn(words[:3]), roomIn(words[3:]), nil
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
