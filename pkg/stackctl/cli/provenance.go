package cli

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime/debug"
	"strings"
)

// owner is user@machine.
func owner() string {
	name, machine := "unknown", "unknown"
	if u, err := user.Current(); err == nil {
		name = filepath.Base(filepath.ToSlash(u.Username))
	}
	if h, err := os.Hostname(); err == nil {
		machine = h
	}
	return name + "@" + machine
}

// commit is the commit of the project's files; "+changes" says that they
// differ from it. Without git it is what CI says, or unknown.
func commit(root string) string {
	for _, name := range []string{"STACKCTL_COMMIT", "GITHUB_SHA", "CI_COMMIT_SHA"} {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	head, err := exec.Command("git", "-C", root, "rev-parse", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	id := strings.TrimSpace(string(head))
	if changes, err := exec.Command("git", "-C", root, "status", "--porcelain").Output(); err == nil && len(changes) > 0 {
		id += "+changes"
	}
	return id
}

// Version is set when stackctl is built.
var Version = "dev"

// tools are the versions of what takes part on this side.
func tools() map[string]string {
	out := map[string]string{"stackctl": Version}
	if info, ok := debug.ReadBuildInfo(); ok {
		out["go"] = info.GoVersion
		for _, m := range info.Deps {
			switch m.Path {
			case "github.com/docker/compose/v5", "github.com/oasdiff/oasdiff", "github.com/compose-spec/compose-go/v2":
				out[m.Path[strings.Index(m.Path, "/")+1:]] = m.Version
			}
		}
	}
	return out
}
