package schema

import (
	"encoding/json"
	"fmt"
)

// Query prints a database's catalog as one JSON document, in the shape
// that Misfits compares.
func Query() string { return CatalogQuery }

// Misfits returns what in a catalog a release cannot work with. frozen is
// what gate G6 kept when the release was good (schema.json), release its ID.
// known is false where the one or the other holds no catalog to compare.
func Misfits(release string, frozen, catalog []byte) (found []misfit, known bool, err error) {
	if len(frozen) == 0 || len(catalog) == 0 {
		return nil, false, nil
	}
	if len(frozen) > Limit {
		return nil, false, fmt.Errorf("read the schema of release %s: larger than 4 MB", release)
	}
	var kept struct {
		Catalog *Catalog `json:"catalog"`
	}
	if err := json.Unmarshal(frozen, &kept); err != nil {
		return nil, false, fmt.Errorf("read the schema of release %s: %w", release, err)
	}
	if kept.Catalog == nil {
		return nil, false, nil
	}
	now, err := CatalogOf(catalog)
	if err != nil {
		return nil, false, err
	}
	return Compatible(kept.Catalog, now), true, nil
}
