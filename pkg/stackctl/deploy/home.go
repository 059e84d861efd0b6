package deploy

import (
	"errors"
	"regexp"

	"stackctl/pkg/stackctl/stack"
)

// homeOf finds the project's folder in the path of something that a release
// mounts from there.
var homeOf = regexp.MustCompile(`^(/.+)/(?:` + stack.EdgeDynamic + `$|` + stack.ReleasesDir + `/[0-9a-f]{12}/|(?:` + stack.FilesDir + `|` + stack.SecretsDir + `)/[0-9a-f]{12,}/)`)

// checkHome refuses to deploy a project that runs on the host out of another
// folder: it is another target's, whose containers and volumes have the same
// names and would be taken over.
func checkHome(project string, t stack.Target, seen stack.Observed) error {
	for _, c := range seen.Containers {
		if !stack.Owns(c, project) {
			continue
		}
		for _, m := range c.Mounts {
			if at := homeOf.FindStringSubmatch(m); at != nil && at[1] != t.Path {
				return stack.Fault(stack.CauseUsage, "deploy project "+project+" to "+t.Path+" on "+t.Where(),
					errors.New("it runs there out of "+at[1]+" (container "+c.Name+"): this deploy would take over its containers and volumes; nothing was changed"),
					"give one of the two another project name in stackctl.yaml, or set path: "+at[1]+" for this target; where the other is to go, remove its containers first")
			}
		}
	}
	return nil
}
