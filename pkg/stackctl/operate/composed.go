package operate

import "stackctl/pkg/stackctl/stack"

// Composed are the containers of the project that docker compose made, by name.
type Composed struct {
	// Running are those that run, Aside those that wait for the end of an adoption.
	Running []string `json:"running,omitempty"`
	Aside   []string `json:"aside,omitempty"`
}

// composedOf returns what docker compose made of a project; nil: nothing that runs
// or waits.
func composedOf(project string, list []stack.Container) *Composed {
	var c Composed
	for _, x := range list {
		switch {
		case !stack.ByCompose(x, project):
		case x.Aside():
			c.Aside = append(c.Aside, x.Name)
		case x.Active():
			c.Running = append(c.Running, x.Name)
		}
	}
	if len(c.Running)+len(c.Aside) == 0 {
		return nil
	}
	return &c
}
