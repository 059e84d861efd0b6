package adminui

import (
	"net/http"
	"net/url"
	"strings"

	"stackctl/pkg/server/app"
)

type column struct {
	app.ModelField
	// Link sorts by this column, the other way round when it is sorted by it; empty:
	// lists cannot be sorted by it.
	Link string
	// Order is "ascending" or "descending" for the column that is sorted by.
	Order string
}

// filter is one field that a list can be narrowed by.
type filter struct {
	app.ModelField
	Value   string
	Options []option
}

type option struct {
	Value, Label string
	Chosen       bool
}

type listData struct {
	Model   app.Model
	Query   app.RecordQuery
	Page    app.RecordPage
	Columns []column
	Filters []filter
	// Error is what is wrong with the query, and Problems with which of its fields.
	Error    string
	Problems map[string]string
	Export   string
	// First, Before and After lead to other pages; empty: there is none.
	First, Before, After string
}

func (p *pages) list(w http.ResponseWriter, r *http.Request, who caller, m app.Model) {
	q, err := p.query(r, m)
	if err != nil {
		p.listRefused(w, r, who, m, err)
		return
	}
	found, err := p.Records.List(r.Context(), m, q)
	if err != nil {
		p.fail(w, r, who, err)
		return
	}
	named := []string{}
	for _, value := range q.Filters {
		named = append(named, value)
	}
	people, err := p.people(r.Context(), m, found.Records, named...)
	if err != nil {
		p.fail(w, r, who, err)
		return
	}
	data := listData{Model: m, Query: q, Page: found}
	for _, f := range m.Fields {
		if f.List {
			data.Columns = append(data.Columns, sortColumn(m, f, q))
		}
	}
	data.Filters = filters(m, q, people)
	data.Export = "/" + m.Name + ".csv?" + parameters(turned(q, "", "")).Encode()
	if found.Before != "" {
		data.First = link(m, turned(q, "", ""))
		data.Before = link(m, turned(q, "", found.Before))
	}
	if found.After != "" {
		data.After = link(m, turned(q, found.After, ""))
	}
	p.show(w, r, http.StatusOK, "list", page{Title: m.Title, Current: m.Name, caller: who, Notice: notices[r.URL.Query().Get("done")], People: people, Data: data})
}

// query reads what a list is asked for. A user may be named by the address.
func (p *pages) query(r *http.Request, m app.Model) (app.RecordQuery, error) {
	q := readQuery(r.URL.Query())
	if m.Dated != "" {
		if err := q.CheckDays(); err != nil {
			return q, err
		}
	}
	for name, value := range q.Filters {
		if f, known := m.Field(name); !known || f.Ref != users || !strings.Contains(value, "@") {
			continue
		}
		email, err := app.CleanEmail(value)
		if err != nil {
			return q, err
		}
		person, err := p.Records.PersonAt(r.Context(), email)
		if app.CodeOf(err) == app.CodeNotFound && err != nil {
			return q, app.Invalid(name, app.RefusedForm, "is nobody's address")
		}
		if err != nil {
			return q, err
		}
		q.Filters[name] = person.ID
	}
	return q.Clean(m), nil
}

// listRefused shows the form of a list with what is wrong in it, and no records.
func (p *pages) listRefused(w http.ResponseWriter, r *http.Request, who caller, m app.Model, err error) {
	if app.CodeOf(err) != app.CodeInvalid {
		p.fail(w, r, who, err)
		return
	}
	q := readQuery(r.URL.Query())
	data := listData{Model: m, Query: q, Filters: filters(m, q, nil), Error: "The list cannot be narrowed so.", Problems: fieldProblems(err)}
	p.show(w, r, http.StatusBadRequest, "list", page{Title: m.Title, Current: m.Name, caller: who, Data: data})
}

func readQuery(v url.Values) app.RecordQuery {
	q := app.RecordQuery{Search: v.Get("q"), Sort: v.Get("sort"), Desc: v.Get("desc") == "1", From: v.Get("from"), To: v.Get("to"),
		After: v.Get("after"), Before: v.Get("before"), Filters: map[string]string{}}
	for name := range v {
		if field, ok := strings.CutPrefix(name, "f."); ok {
			q.Filters[field] = v.Get(name)
		}
	}
	return q
}

// parameters is readQuery the other way round.
func parameters(q app.RecordQuery) url.Values {
	v := url.Values{"sort": {q.Sort}}
	for name, text := range map[string]string{"after": q.After, "before": q.Before, "from": q.From, "to": q.To} {
		if text != "" {
			v.Set(name, text)
		}
	}
	if q.Search != "" {
		v.Set("q", q.Search)
	}
	if q.Desc {
		v.Set("desc", "1")
	}
	for name, value := range q.Filters {
		v.Set("f."+name, value)
	}
	return v
}

func filters(m app.Model, q app.RecordQuery, people map[string]app.Person) []filter {
	var all []filter
	for _, f := range m.Fields {
		if !f.Filter {
			continue
		}
		one := filter{ModelField: f, Value: q.Filters[f.Name]}
		if person, ok := people[one.Value]; ok && f.Ref == users {
			one.Value = person.Email
		}
		choices := [][2]string{{"", "any"}}
		switch f.Type {
		case app.FieldBool:
			choices = append(choices, [2]string{"true", "yes"}, [2]string{"false", "no"})
		case app.FieldTime:
			choices = append(choices, [2]string{"set", "yes"}, [2]string{"unset", "no"})
		default:
			for _, c := range f.Choices {
				choices = append(choices, [2]string{c, c})
			}
		}
		for _, c := range choices {
			if len(choices) > 1 {
				one.Options = append(one.Options, option{Value: c[0], Label: c[1], Chosen: c[0] == one.Value})
			}
		}
		all = append(all, one)
	}
	return all
}

func sortColumn(m app.Model, f app.ModelField, q app.RecordQuery) column {
	c := column{ModelField: f}
	if q.Sort == f.Name {
		c.Order = "ascending"
		if q.Desc {
			c.Order = "descending"
		}
	}
	if f.Sorts {
		q = turned(q, "", "")
		q.Sort, q.Desc = f.Name, q.Sort == f.Name && !q.Desc
		c.Link = link(m, q)
	}
	return c
}

// turned is the query for another page of the same list.
func turned(q app.RecordQuery, after, before string) app.RecordQuery {
	q.After, q.Before = after, before
	return q
}

func link(m app.Model, q app.RecordQuery) string {
	return "/" + m.Name + "?" + parameters(q).Encode()
}

// Searched is what the search looks in, in words; empty: the list has no search.
func (d listData) Searched() string {
	var all []string
	for _, f := range d.Model.Fields {
		switch f.Search {
		case app.SearchPart:
			all = append(all, "parts of "+f.Title)
		case app.SearchWhole:
			all = append(all, f.Title)
		}
	}
	return strings.Join(all, ", ")
}

// Dated is the field by which the list can be narrowed to days; nil: there is none.
func (d listData) Dated() *app.ModelField {
	if f, ok := d.Model.Field(d.Model.Dated); ok {
		return &f
	}
	return nil
}
