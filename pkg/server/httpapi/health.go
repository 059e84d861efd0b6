package httpapi

import (
	"context"
	"time"

	"stackctl/pkg/contract"
)

// Health asks what the API needs whether it is there.
type Health struct {
	Database func(context.Context) error
	Redis    func(context.Context) error
	// Schema gives the migration that the database is stamped with.
	Schema func(context.Context) (int64, error)
	// Head is the migration that this release needs at least.
	Head int64
}

// probeTime bounds what one dependency may take to answer.
const probeTime = 2 * time.Second

// GetLive says that the process answers.
func (a *api) GetLive(context.Context, contract.GetLiveRequestObject) (contract.GetLiveResponseObject, error) {
	return contract.GetLive200JSONResponse{Status: contract.LiveStatusOk}, nil
}

// GetReady asks every dependency at once.
func (a *api) GetReady(ctx context.Context, _ contract.GetReadyRequestObject) (contract.GetReadyResponseObject, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	redis := make(chan error, 1)
	go func() { redis <- a.Health.Redis(ctx) }()
	body := contract.Ready{Status: contract.ReadyStatusOk, Release: a.Build.Release, Commit: a.Build.Commit}
	database := a.Health.Database(ctx)
	version, err := int64(0), database
	if err == nil {
		version, err = a.Health.Schema(ctx)
	}
	body.Checks.Database.Status = checkStatus(database == nil)
	body.Checks.Redis.Status = checkStatus(<-redis == nil)
	body.Checks.Schema.Version = version
	body.Checks.Schema.Status = contract.SchemaCheckStatus(checkStatus(err == nil && version >= a.Health.Head))
	if body.Checks.Database.Status != contract.CheckStatusOk || body.Checks.Redis.Status != contract.CheckStatusOk || body.Checks.Schema.Status != contract.SchemaCheckStatusOk {
		body.Status = contract.ReadyStatusUnavailable
		return contract.GetReady503JSONResponse(body), nil
	}
	return contract.GetReady200JSONResponse(body), nil
}

func checkStatus(ok bool) contract.CheckStatus {
	if ok {
		return contract.CheckStatusOk
	}
	return contract.CheckStatusUnavailable
}

// GetVersion says what runs.
func (a *api) GetVersion(context.Context, contract.GetVersionRequestObject) (contract.GetVersionResponseObject, error) {
	return contract.GetVersion200JSONResponse{Commit: a.Build.Commit, Built: a.Build.Built, Release: a.Build.Release}, nil
}

// GetContract gives the contract, outside production mode.
func (a *api) GetContract(context.Context, contract.GetContractRequestObject) (contract.GetContractResponseObject, error) {
	if a.contract == nil {
		return nil, errHidden
	}
	return contract.GetContract200JSONResponse(a.contract), nil
}
