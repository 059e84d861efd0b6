package adminui

import (
	"context"

	"stackctl/pkg/server/app"
)

// value is a field's value as a page shows it.
type value struct{ Text, Link string }

// Value finds the value of a field, with a link where it names another record. Users
// are named by what people know them by.
func (d page) Value(f app.ModelField, r app.Record) value {
	v := value{Text: r[f.Name]}
	switch ref := d.ref(f, r); {
	case f.Type == app.FieldBool && v.Text == "true":
		v.Text = "yes"
	case f.Type == app.FieldBool:
		v.Text = "no"
	case ref == users && v.Text != "":
		person, there := d.People[v.Text]
		if !there {
			return value{Text: "deleted user " + v.Text}
		}
		return value{Text: person.String(), Link: "/" + ref + "/" + person.ID}
	case ref != "" && v.Text != "":
		v.Link = "/" + ref + "/" + v.Text
	}
	return v
}

// May reports whether the caller's role may do something to records of a model.
func (d page) May(m app.Model, doing string) bool { return d.User.Role.May(m.On(doing)) }

// users is the model whose records are people.
const users = "users"

// ref is the model whose record a value is the key of; empty: it is no key.
func (d page) ref(f app.ModelField, r app.Record) string {
	if f.RefBy != "" && r[f.RefBy] == "user" {
		return users
	}
	return f.Ref
}

// people finds the users whom records name, and further ones.
func (p *pages) people(ctx context.Context, m app.Model, records []app.Record, more ...string) (map[string]app.Person, error) {
	seen, ids := map[string]bool{}, []string{}
	add := func(id string) {
		if fits := (app.ModelField{Type: app.FieldUUID}).KeyFits(id); fits && !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	for _, r := range records {
		for _, f := range m.Fields {
			if (page{}).ref(f, r) == users {
				add(r[f.Name])
			}
		}
	}
	for _, id := range more {
		add(id)
	}
	return p.Records.People(ctx, ids)
}
