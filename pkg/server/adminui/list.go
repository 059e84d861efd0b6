package adminui

import (
	"net/http"
	"net/url"
	"strconv"

	"stackctl/pkg/server/app"
)

type column struct {
	Name  string
	Title string
	// Link sorts by this column, the other way round when it is sorted by it.
	Link string
	// Order is "ascending" or "descending" for the column that is sorted by.
	Order string
}

type listData struct {
	Model    app.Model
	Query    app.RecordQuery
	Page     app.RecordPage
	Columns  []column
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
	if q.Page > 1 {
		data.Before = link(m, q, func(q *app.RecordQuery) { q.Page-- })
	}
	if q.Page < data.LastPage {
		data.After = link(m, q, func(q *app.RecordQuery) { q.Page++ })
	}
	p.show(w, r, http.StatusOK, "list", page{Title: m.Title, Current: m.Name, caller: who, Data: data})
}

func readQuery(v url.Values) app.RecordQuery {
	n, _ := strconv.Atoi(v.Get("page"))
	return app.RecordQuery{Search: v.Get("q"), Sort: v.Get("sort"), Desc: v.Get("desc") == "1", Page: n}
}

func sortColumn(m app.Model, f app.ModelField, q app.RecordQuery) column {
	c := column{Name: f.Name, Title: f.Title}
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
	v := url.Values{"sort": {q.Sort}, "page": {strconv.Itoa(q.Page)}}
	if q.Search != "" {
		v.Set("q", q.Search)
	}
	if q.Desc {
		v.Set("desc", "1")
	}
	return "/" + m.Name + "?" + v.Encode()
}
