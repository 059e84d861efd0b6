package postgres

import (
	"context"
	"fmt"

	"stackctl/pkg/server/app"
)

const personColumns = `id, email, display_name AS name, ` + role + ` AS role`

// People finds the users of a list of IDs, by ID. Who is not there any more is left
// out.
func (r *Records) People(ctx context.Context, ids []string) (map[string]app.Person, error) {
	found := map[string]app.Person{}
	if len(ids) == 0 {
		return found, nil
	}
	var people []app.Person
	err := r.db.SelectContext(ctx, &people, `SELECT `+personColumns+` FROM users WHERE id = ANY($1::uuid[])`, ids)
	if err != nil {
		return nil, coded(fmt.Errorf("name %d users: %w", len(ids), err))
	}
	for _, p := range people {
		found[p.ID] = p
	}
	return found, nil
}

// PersonAt finds the user of a clean address.
func (r *Records) PersonAt(ctx context.Context, email string) (app.Person, error) {
	var p app.Person
	err := r.db.GetContext(ctx, &p, `SELECT `+personColumns+` FROM users WHERE email = $1`, email)
	return p, coded(err)
}
