package schemas

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/schema"
	"stackctl/pkg/stackctl/stack"
)

// look reads the catalog with psql in the database's container.
func look(ctx context.Context, s gate.Subject) (*schema.Catalog, error) {
	store, err := probe.Lasting(ctx, s, database(s.Release))
	if err != nil {
		return nil, err
	}
	// The variables are the container's own; the statement is an argument of
	// its own, so nothing in it is read by the shell.
	script := `exec psql -X -q -A -t -v ON_ERROR_STOP=1 -U "${POSTGRES_USER:-postgres}" -d "${POSTGRES_DB:-${POSTGRES_USER:-postgres}}" -c "$1"`
	out, err := s.Server.Exec(ctx, store.ID, "sh", "-c", script, "sh", schema.CatalogQuery)
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

// database is the service of the data layer that is PostgreSQL.
func database(r stack.Release) string {
	for _, svc := range r.Services {
		image, _, _ := strings.Cut(svc.Image, "@")
		if svc.Layer == stack.LayerData && strings.Contains(path.Base(image), "postgres") {
			return svc.Name
		}
	}
	return "postgres"
}
