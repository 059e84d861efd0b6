package swarm

import (
	"slices"
	"testing"

	"github.com/moby/moby/api/types/swarm"

	"stackctl/pkg/stackctl/stack"
)

func TestOnlySecretsThatNothingOfTheProjectUsesGo(t *testing.T) {
	secret := func(id, project string) swarm.Secret {
		return swarm.Secret{ID: id, Spec: swarm.SecretSpec{Annotations: swarm.Annotations{Name: id, Labels: map[string]string{stack.LabelProject: project}}}}
	}
	uses := func(ids ...string) swarm.ServiceSpec {
		c := &swarm.ContainerSpec{}
		for _, id := range ids {
			c.Secrets = append(c.Secrets, &swarm.SecretReference{SecretID: id})
		}
		return swarm.ServiceSpec{TaskTemplate: swarm.TaskSpec{ContainerSpec: c}}
	}
	none := uint64(0)
	stopped := uses("kept")
	stopped.Mode = swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &none}}
	before := uses("before")
	services := []swarm.Service{{Spec: uses("live", "strangers-use")}, {Spec: stopped}, {Spec: uses(), PreviousSpec: &before}, {Spec: swarm.ServiceSpec{}}}
	secrets := []swarm.Secret{secret("old", "shop"), secret("live", "shop"), secret("kept", "shop"), secret("before", "shop"), secret("strangers-use", "shop"),
		secret("of-eu", "shop-eu"), secret("of-sho", "sho"), secret("nobodys", "")}
	for project, want := range map[string][]string{
		"shop": {"old"}, "shop-eu": {"of-eu"}, "sho": {"of-sho"}, "sh": nil, "": nil,
	} {
		var got []string
		for _, s := range unusedSecrets(secrets, services, project) {
			got = append(got, s.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q go, not %q", project, got, want)
		}
	}
}
