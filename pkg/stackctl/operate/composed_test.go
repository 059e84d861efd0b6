package operate

import (
	"reflect"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestWhatDockerComposeMadeIsTold(t *testing.T) {
	of := func(name, project, owner, state string) stack.Container {
		return stack.Container{Name: name, State: state, Labels: map[string]string{stack.ComposeProject: project, stack.LabelProject: owner}}
	}
	list := []stack.Container{
		of("shop-web-1", "shop", "", "running"), of("shop-db-1.aside.always", "shop", "", "exited"), of("shop-migrate-1", "shop", "", "exited"),
		of("shop-eu-web-1", "shop-eu", "", "running"), of("shop-db-1", "shop", "shop", "running"),
	}
	if got, want := composedOf("shop", list), (&Composed{Running: []string{"shop-web-1"}, Aside: []string{"shop-db-1.aside.always"}}); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if got := composedOf("shop", list[2:]); got != nil {
		t.Errorf("where nothing runs or waits: %+v", got)
	}
}
