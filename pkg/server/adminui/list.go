package adminui

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"stackctl/pkg/server/app"
)

type column struct {
	app.ModelField
	// Link sorts by this column, the other way round when it is sorted by it.
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
	Model    app.Model
	Query    app.RecordQuery
	Page     app.RecordPage
	Columns  []column
	Filters  []filter
	Export   string
	LastPage int
	Before   string
	After    string
}

func (p *pages) list(w http.ResponseWriter, r *http.Request, who caller, m app.Model) {
	q := readQuery(r.URL.Query()).Clean(m)
	found, err := p.Records.List(r.Context(), m, q)
	if err != nil {
		p.fail(w, r, who, err)
		return
	}
	data := listData{Model: m, Query: q, Page: found, LastPage: max(1, (found.Total+app.PageSize-1)/app.PageSize)}
	for _, f := range m.Fields {
		if f.List {
			data.Columns = append(data.Columns, sortColumn(m, f, q))
		}
	}
	data.Filters = filters(m, q)
	data.Export = "/" + m.Name + ".csv?" + parameters(q).Encode()
	if q.Page > 1 {
		data.Before = link(m, q, func(q *app.RecordQuery) { q.Page-- })
	}
	if q.Page < data.LastPage {
		data.After = link(m, q, func(q *app.RecordQuery) { q.Page++ })
	}
	p.show(w, r, http.StatusOK, "list", page{Title: m.Title, Current: m.Name, caller: who, Notice: notices[r.URL.Query().Get("done")], Data: data})
}

func readQuery(v url.Values) app.RecordQuery {
	n, _ := strconv.Atoi(v.Get("page"))
	q := app.RecordQuery{Search: v.Get("q"), Sort: v.Get("sort"), Desc: v.Get("desc") == "1", Page: n, Filters: map[string]string{}}
	for name := range v {
		if field, ok := strings.CutPrefix(name, "f."); ok {
			q.Filters[field] = v.Get(name)
		}
	}
	return q
}

// parameters is readQuery the other way round.
func parameters(q app.RecordQuery) url.Values {
	v := url.Values{"sort": {q.Sort}, "page": {strconv.Itoa(q.Page)}}
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
	c.Link = link(m, q, func(q *app.RecordQuery) {
		q.Desc = q.Sort == f.Name && !q.Desc
		q.Sort, q.Page = f.Name, 1
	})
	return c
}

func link(m app.Model, q app.RecordQuery, change func(*app.RecordQuery)) string {
	change(&q)
	return "/" + m.Name + "?" + parameters(q).Encode()
}
