package deploy

import (
	"context"
	"fmt"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// left is what a filesystem still takes: bytes, and files, which ext4 has a fixed
// number of. Below zero is not known.
type left struct{ bytes, files int64 }

// disk is one of the two places of a host that a deploy writes to.
type disk struct {
	left
	dir, where string
}

func disks(h stack.HostFacts, path string) []disk {
	return []disk{
		{left{h.FreeBytes, h.FreeFiles}, path, "in the project's folder"},
		{left{h.DockerFree, h.DockerFiles}, h.DockerRoot, "where the host keeps its containers"},
	}
}

// leftScript prints for two folders what a user may still write to their
// filesystems, how many files those can hold at all (0: as many as fit), and how
// many more.
const leftScript = `for d; do df -B1 --output=avail,itotal,iavail -- "$d" | tail -n1 || echo -1 -1 -1; done`

// free gives what is left where the project and where the engine keep what is theirs.
func free(ctx context.Context, h Host, root, docker string) (path, engine left, err error) {
	unknown := left{-1, -1}
	out, err := h.Run(ctx, "sh", "-c", leftScript, "sh", root, or(docker, "/var/lib/docker"))
	if err != nil {
		return unknown, unknown, err
	}
	words := strings.Fields(string(out.Stdout))
	if len(words) != 6 {
		return unknown, unknown, nil
	}
	return leftIn(words[:3]), leftIn(words[3:]), nil
}

func leftIn(words []string) left {
	l := left{count(words[0]), count(words[2])}
	if count(words[1]) <= 0 {
		l.files = -1
	}
	return l
}

// below says what is too little, empty where want fits.
func (l left) below(want left) string {
	switch {
	case l.bytes >= 0 && l.bytes < want.bytes:
		return megabytes(l.bytes) + " are free"
	case l.files >= 0 && l.files < want.files:
		return fmt.Sprintf("%d more files fit", l.files)
	}
	return ""
}

func (l left) String() string { return fmt.Sprintf("%s and %d files", megabytes(l.bytes), l.files) }

// remedy is what to do about too little.
func (l left) remedy(want left) string {
	if l.bytes >= 0 && l.bytes < want.bytes {
		return freeSpace
	}
	return "remove files that nobody needs: `du --inodes -x / | sort -n | tail` on the host shows where the many are"
}

// freeSpace is what to do about a full disk.
const freeSpace = "free space: lower retention.releases, or see `docker system df` on the host; logs and other people's images count too"
