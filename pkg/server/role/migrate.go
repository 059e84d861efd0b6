package role

import (
	"context"
	"fmt"

	"stackctl/pkg/server/postgres"
)

// runMigrate applies the migrations, makes the services' database roles, and checks
// what came of it.
func runMigrate(ctx context.Context, p *parts) error {
	if err := postgres.CheckRoles(p.settings.DatabaseRoles); err != nil {
		return usageError{fmt.Errorf("configuration:\nDATABASE_ROLES: %w", err)}
	}
	m, err := postgres.NewMigrations(p.db)
	if err != nil {
		return err
	}
	done, err := m.Up(ctx)
	for _, d := range done {
		p.log.Info("applied", "migration", d.Name, "version", d.Version)
	}
	if err != nil {
		return err
	}
	changed, err := m.Roles(ctx, p.settings.DatabaseRoles)
	for _, statement := range changed {
		p.log.Info("changed", "statement", statement)
	}
	if err != nil {
		return err
	}
	return p.schemaReport(ctx, p.db, false)
}
