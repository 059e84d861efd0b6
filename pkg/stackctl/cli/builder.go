package cli

import (
	"context"

	"stackctl/pkg/stackctl/deploy"
	"stackctl/pkg/stackctl/engine"
)

// localBuilder opens the operator's own Engine to build images.
func localBuilder(ctx context.Context) (deploy.Builder, error) {
	e, err := engine.Local(ctx)
	if err != nil {
		return nil, err
	}
	return e, nil
}
