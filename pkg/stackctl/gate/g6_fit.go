package gate

import (
	"context"
	"encoding/json"
	"fmt"
)

// SchemaQuery prints a database's catalog as one JSON document, in the shape
// that SchemaMisfits compares.
func SchemaQuery() string { return schemaQuery }

// SchemaNow reads the catalog of the live database.
func SchemaNow(ctx context.Context, s Subject) ([]byte, error) {
	catalog, err := schemaLook(ctx, s)
	if err != nil {
		return nil, err
	}
	return json.Marshal(catalog)
}

// SchemaMisfits says what in a catalog a release cannot work with. frozen is
// what gate G6 kept when the release was good (schema.json), release its ID.
// known is false where the one or the other holds no catalog to compare.
func SchemaMisfits(release string, frozen, catalog []byte) (found []schemaMisfit, known bool, err error) {
	if len(frozen) == 0 || len(catalog) == 0 {
		return nil, false, nil
	}
	if len(frozen) > schemaLimit {
		return nil, false, fmt.Errorf("read the schema of release %s: larger than 4 MB", release)
	}
	var kept struct {
		Catalog *schemaCatalog `json:"catalog"`
	}
	if err := json.Unmarshal(frozen, &kept); err != nil {
		return nil, false, fmt.Errorf("read the schema of release %s: %w", release, err)
	}
	if kept.Catalog == nil {
		return nil, false, nil
	}
	now, err := schemaCatalogOf(catalog)
	if err != nil {
		return nil, false, err
	}
	return schemaCompatible(kept.Catalog, now), true, nil
}
