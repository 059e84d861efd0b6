package deploy

import (
	"fmt"
	"slices"

	"stackctl/pkg/stackctl/stack"
)

// checkBuilt refuses a plan that would pull what nobody can pull: an image that
// is only built, and that no archive holds.
func checkBuilt(plan stack.Plan, r stack.Release) error {
	for _, step := range plan.Steps {
		if step.Kind != stack.StepPullImage {
			continue
		}
		at := slices.IndexFunc(r.Services, func(s stack.Service) bool {
			return s.Deployed && s.Build && s.Image == step.Subject && s.Image == stack.BuiltImage(r.Project, s.Name)
		})
		if at < 0 {
			continue
		}
		s := r.Services[at]
		return stack.Usage(s.File, s.Line, fmt.Sprintf("service %s is built, and no image of it is there: neither the host nor images.archives has %s", s.Name, s.Image),
			fmt.Sprintf("build it and put it into the folder of archives: docker compose build %s && docker save %s -o build/images/%s.tar; or push it to a registry and name it under image", s.Name, s.Image, s.Name))
	}
	return nil
}
