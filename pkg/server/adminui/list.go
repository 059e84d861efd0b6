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
	Export  string
	// First, Before and After lead to other pages; empty: there is none.
	First, Before, After string
}

func (p *pages) list(w http.ResponseWriter, r *http.Request, who caller, m app.Model) {
	q := readQuery(r.URL.Query()).Clean(m)
	found, err := p.Records.List(r.Context(), m, q)
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
	data.Filters = filters(m, q)
	data.Export = "/" + m.Name + ".csv?" + parameters(turned(q, "", "")).Encode()
	if found.Before != "" {
		data.First = link(m, turned(q, "", ""))
		data.Before = link(m, turned(q, "", found.Before))
	}
	if found.After != "" {
		data.After = link(m, turned(q, found.After, ""))
	}
	p.show(w, r, http.StatusOK, "list", page{Title: m.Title, Current: m.Name, caller: who, Notice: notices[r.URL.Query().Get("done")], Data: data})
}

func readQuery(v url.Values) app.RecordQuery {
	q := app.RecordQuery{Search: v.Get("q"), Sort: v.Get("sort"), Desc: v.Get("desc") == "1", After: v.Get("after"), Before: v.Get("before"), Filters: map[string]string{}}
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
	for name, place := range map[string]string{"after": q.After, "before": q.Before} {
		if place != "" {
			v.Set(name, place)
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

func filters(m app.Model, q app.RecordQuery) []filter {
	var all []filter
	for _, f := range m.Fields {
		if !f.Filter {
			continue
		}
		one := filter{ModelField: f, Value: q.Filters[f.Name]}
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
