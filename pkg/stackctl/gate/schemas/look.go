package schemas

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/schema"
	"stackctl/pkg/stackctl/stack"
)

// look reads the catalog with psql in the database's container.
func look(ctx context.Context, s gate.Subject) (*schema.Catalog, error) {
	database, err := probe.Lasting(ctx, s, "postgres")
	if err != nil {
		return nil, err
	}
	// The variables are the container's own; the statement is an argument of
	// its own, so nothing in it is read by the shell.
	script := `exec psql -X -q -A -t -v ON_ERROR_STOP=1 -U "${POSTGRES_USER:-postgres}" -d "${POSTGRES_DB:-${POSTGRES_USER:-postgres}}" -c "$1"`
	out, err := s.Server.Exec(ctx, database.ID, "sh", "-c", script, "sh", schema.CatalogQuery)
	if err != nil {
		return nil, fmt.Errorf("read the catalog with psql: %w", err)
	}
	if out.Exit != 0 {
		return nil, fmt.Errorf("read the catalog with psql: exit %d: %s", out.Exit, stack.Short(strings.TrimSpace(string(out.Stderr)), 200))
	}
	return schema.CatalogOf(out.Stdout)
}

// Now reads the catalog of the live database.
func Now(ctx context.Context, s gate.Subject) ([]byte, error) {
	catalog, err := look(ctx, s)
	if err != nil {
		return nil, err
	}
	return json.Marshal(catalog)
}
