package deploy

import (
	"fmt"
	"path/filepath"
	"slices"

	"stackctl/pkg/stackctl/stack"
)

// buildOf returns what an image is built of.
func buildOf(b stack.Build) string {
	if b.Inline != "" {
		return fmt.Sprintf("the compose file's own Dockerfile, with %d files of %s", b.Files, filepath.Base(b.Context))
	}
	if b.Files == 0 {
		return b.Dockerfile + " in " + b.Context
	}
	return fmt.Sprintf("%s, with %d files of %s", filepath.Base(b.Dockerfile), b.Files, filepath.Base(b.Context))
}

// checkBuilt refuses a plan that would build what cannot be built, or pull what
// nobody can pull: an image that is only built.
func checkBuilt(plan stack.Plan, r stack.Release) error {
	for _, step := range plan.Steps {
		at := slices.IndexFunc(r.Images, func(i stack.Image) bool { return i.Built && i.Reference == step.Subject })
		switch {
		case at < 0:
		case step.Kind == stack.StepBuildImage && r.Images[at].Build.Problem != nil:
			return r.Images[at].Build.Problem
		case step.Kind == stack.StepPullImage:
			return stack.Fault(stack.CauseUsage, "find image "+step.Subject, fmt.Errorf("it was built for this release, and the host has it no more"),
				"check out the commit of that release and deploy it: that builds the image again")
		}
	}
	return nil
}
