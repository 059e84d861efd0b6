package httpapi

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/gin-gonic/gin"

	"stackctl/pkg/contract"
	"stackctl/pkg/server/serve"
)

// Health asks what the API needs whether it is there.
type Health struct {
	Database func(context.Context) error
	Redis    func(context.Context) error
	// Schema returns the migration that the database is stamped with.
	Schema func(context.Context) (int64, error)
	// Head is the migration that this release needs at least.
	Head int64
}

// probeTime bounds what the dependencies may take to answer. A store that a busy
// server keeps waiting for a second or two is slow, not away.
const probeTime = 4 * time.Second

// GetLive says that the process answers.
func (a *api) GetLive(context.Context, contract.GetLiveRequestObject) (contract.GetLiveResponseObject, error) {
	return contract.GetLive200JSONResponse{Status: contract.LiveStatusOk}, nil
}

// GetReady asks every dependency at once. Clients are told which one does not
// answer; why it does not is for the log.
func (a *api) GetReady(ctx context.Context, _ contract.GetReadyRequestObject) (contract.GetReadyResponseObject, error) {
	ctx, cancel := context.WithTimeout(ctx.(*gin.Context).Request.Context(), probeTime)
	defer cancel()
	redis := make(chan error, 1)
	go func() { redis <- a.Health.Redis(ctx) }()
	body := contract.Ready{Status: contract.ReadyStatusOk, Release: a.Build.Release, Commit: a.Build.Commit}
	database := a.Health.Database(ctx)
	version, schema := int64(0), database
	if database == nil {
		version, schema = a.Health.Schema(ctx)
		if schema == nil && version < a.Health.Head {
			schema = fmt.Errorf("the schema is at migration %d, this release needs %d", version, a.Health.Head)
		}
	}
	body.Checks.Database.Status = checkStatus(ctx, "database", database)
	body.Checks.Redis.Status = checkStatus(ctx, "redis", <-redis)
	body.Checks.Schema.Version = version
	body.Checks.Schema.Status = contract.SchemaCheckStatus(checkStatus(ctx, "schema", schema))
	if body.Checks.Database.Status != contract.CheckStatusOk || body.Checks.Redis.Status != contract.CheckStatusOk || body.Checks.Schema.Status != contract.SchemaCheckStatusOk {
		body.Status = contract.ReadyStatusUnavailable
		return contract.GetReady503JSONResponse(body), nil
	}
	return contract.GetReady200JSONResponse(body), nil
}

func checkStatus(ctx context.Context, dependency string, err error) contract.CheckStatus {
	if err == nil {
		return contract.CheckStatusOk
	}
	slog.WarnContext(ctx, "not ready", "request", serve.TraceOf(ctx).ID, "dependency", dependency, "error", err.Error())
	return contract.CheckStatusUnavailable
}

// GetVersion returns what runs.
func (a *api) GetVersion(context.Context, contract.GetVersionRequestObject) (contract.GetVersionResponseObject, error) {
	return contract.GetVersion200JSONResponse{Commit: a.Build.Commit, Built: a.Build.Built, Release: a.Build.Release}, nil
}

// GetContract returns the contract, outside production mode.
func (a *api) GetContract(context.Context, contract.GetContractRequestObject) (contract.GetContractResponseObject, error) {
	if a.contract == nil {
		return nil, errHidden
	}
	return contract.GetContract200JSONResponse(a.contract), nil
}
