package operate

import (
	"context"
	"strconv"
	"strings"
	"time"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// usageLimit bounds how long the disk may be looked at.
const usageLimit = 10 * time.Second

// usage reads how full the host's disk is and what of it is the project's.
// What cannot be read in time is below zero.
func usage(ctx context.Context, server node.Server, c stack.Config, t stack.Target, seen stack.Observed) stack.DiskUse {
	ctx, cancel := context.WithTimeout(ctx, usageLimit)
	defer cancel()
	u := stack.DiskUse{Total: -1, Free: seen.Host.FreeBytes, Images: -1, Volumes: -1, Files: -1}
	if used, err := server.Usage(ctx, c.Project, imagesOf(c, seen)); err == nil {
		u.Images, u.Volumes = used.Images, used.Volumes
	}
	out, err := server.Run(ctx, "sh", "-c", `df -B1 --output=size "$1" | tail -n1; du -sb "$1" 2>/dev/null | cut -f1`, "sh", t.Path)
	if lines := strings.Fields(string(out.Stdout)); err == nil && len(lines) == 2 {
		u.Total, u.Files = count(lines[0]), count(lines[1])
	}
	return u
}

// count reads a number of bytes; -1 is not known.
func count(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// imagesOf are the images of the kept releases and of the containers.
func imagesOf(c stack.Config, seen stack.Observed) []string {
	var ids []string
	for _, r := range seen.Releases {
		for _, i := range r.Images {
			ids = append(ids, i.ID)
		}
	}
	for _, x := range seen.Containers {
		if stack.Owns(x, c.Project) {
			ids = append(ids, x.ImageID)
		}
	}
	return ids
}
