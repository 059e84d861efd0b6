package exposure

import "stackctl/pkg/stackctl/stack"

// ingressContainer is the server's ingress.
func ingressContainer() stack.Container {
	c := edgeContainer()
	c.ID, c.Name, c.Project, c.Service = "i", "stackctl-ingress-ingress-1", stack.IngressProject, stack.IngressService
	c.Labels = map[string]string{stack.LabelProject: stack.IngressProject}
	return c
}
