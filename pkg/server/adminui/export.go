package adminui

import (
	"encoding/csv"
	"log/slog"
	"net/http"
	"strings"
	"unicode/utf8"

	"stackctl/pkg/server/app"
	"stackctl/pkg/server/serve"
)

// export writes what a list finds, all pages, as CSV. The audit event comes
// first: what cannot be audited does not leave.
func (p *pages) export(w http.ResponseWriter, r *http.Request, who caller, m app.Model) {
	serve.TraceOf(r.Context()).Route = r.Pattern
	q := readQuery(r.URL.Query()).Clean(m)
	found, err := p.Records.List(r.Context(), m, q)
	if err == nil {
		err = p.Staff.Exported(r.Context(), who.User, m, q, min(found.Total, app.MaxExport))
	}
	if err != nil {
		p.fail(w, r, who, err)
		return
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+m.Name+`.csv"`)
	out := csv.NewWriter(w)
	row := make([]string, len(m.Fields))
	for i, f := range m.Fields {
		row[i] = f.Name
	}
	_ = out.Write(row)
	err = p.Records.Each(r.Context(), m, q, func(record app.Record) error {
		for i, f := range m.Fields {
			row[i] = harmless(record[f.Name])
		}
		return out.Write(row)
	})
	out.Flush()
	if err != nil {
		slog.ErrorContext(r.Context(), "export was cut off", "request", serve.TraceOf(r.Context()).ID, "error", err.Error())
		panic(http.ErrAbortHandler) // the reader must see that it is not whole
	}
}

// harmless keeps a spreadsheet from taking a text for a formula (OWASP, CSV
// injection): a quote in front makes it text.
func harmless(text string) string {
	first, _ := utf8.DecodeRuneInString(strings.TrimLeft(text, " \u00a0"))
	if strings.ContainsRune("=+-@\t\r\n|%＝＋－＠", first) && text != "" {
		return "'" + text
	}
	return text
}
