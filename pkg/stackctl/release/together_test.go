package release

import (
	"testing"

	"stackctl/pkg/stackctl/stack"
)

// TestWhatIsWrongWithSeveralIsSaidOnce holds that several faults have a line each, and
// that what to do is said once, for any of them.
func TestWhatIsWrongWithSeveralIsSaidOnce(t *testing.T) {
	one := func(line int, name string) error {
		return stack.Usage("compose.yaml", line, "the variable "+name+" is not defined", "set it in the env file, or give it a default: ${"+name+":-value}")
	}
	err := together("variables have no value", []error{one(3, "DB_PASSWORD"), one(7, "APP_KEY"), stack.Usage(".env", 2, "service db has an empty POSTGRES_PASSWORD", "give POSTGRES_PASSWORD a random value")})
	reason, fix := stack.Explain(err)
	if want := "3 variables have no value: \ncompose.yaml:3: the variable DB_PASSWORD is not defined\ncompose.yaml:7: the variable APP_KEY is not defined\n.env:2: service db has an empty POSTGRES_PASSWORD"; reason != want {
		t.Errorf("reason:\n%s\nwant\n%s", reason, want)
	}
	if want := "set it in the env file, or give it a default: ${NAME:-value}; or give NAME a random value"; fix != want {
		t.Errorf("fix: %s\nwant %s", fix, want)
	}
	if stack.CauseOf(err) != stack.CauseUsage {
		t.Errorf("cause %s", stack.CauseOf(err))
	}
	home := func(line int, path string) error {
		return stack.Usage("compose.yaml", line, "a mount of ~/"+path, "write ./"+path+" for a folder of the project")
	}
	if _, fix := stack.Explain(together("mounts are of a home folder", []error{home(1, "a/b"), home(2, "c")})); fix != "write ./a/b for a folder of the project" {
		t.Errorf("of paths: %s", fix)
	}
}
