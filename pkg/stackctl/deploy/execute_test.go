package deploy

import (
	"context"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

// hung is a server on which no migration ends.
type hung struct{ Server }

func (hung) RunOnce(ctx context.Context, _ string, _ []byte, _ string) (stack.Output, error) {
	<-ctx.Done()
	return stack.Output{Stdout: []byte("copies row 7")}, ctx.Err()
}

func TestAMigrationThatDoesNotEndSaysWhichSettingBoundsIt(t *testing.T) {
	d := &Deployer{Config: stack.Config{Timeouts: stack.Timeouts{Migrate: time.Millisecond}}, Now: time.Now}
	x := &executor{story: d.begin("deploy"), server: hung{}}
	_, err := x.migrate(context.Background(), stack.Step{Kind: stack.StepMigrate, Services: []string{"migrate"}})
	if err == nil || stack.CauseOf(err) != stack.CauseStep || !strings.Contains(err.Error(), "had not ended after 1ms") || !strings.Contains(err.Error(), "timeouts.migrate") {
		t.Error(err)
	}
	if x.report.Logs["migrate"] != "copies row 7" {
		t.Errorf("log %q", x.report.Logs["migrate"])
	}
}
