package adminui

import (
	"bufio"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

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
	out := bufio.NewWriter(w)
	row := make([]string, len(m.Fields))
	for i, f := range m.Fields {
		row[i] = f.Name
	}
	writeRow(out, row)
	err = p.Records.Each(r.Context(), m, q, func(record app.Record) error {
		for i, f := range m.Fields {
			row[i] = harmless(record[f.Name])
		}
		writeRow(out, row)
		return nil
	})
	if err := errors.Join(err, out.Flush()); err != nil {
		slog.ErrorContext(r.Context(), "export was cut off", "request", serve.TraceOf(r.Context()).ID, "error", err.Error())
		panic(http.ErrAbortHandler) // the reader must see that it is not whole
	}
}

// writeRow writes one row (RFC 4180) with every cell in quotes, so that a
// spreadsheet that splits at another character does not begin a cell within one.
func writeRow(w *bufio.Writer, cells []string) {
	for i, cell := range cells {
		if i > 0 {
			_ = w.WriteByte(',') // an error stays with the writer until Flush
		}
		_, _ = w.WriteString(`"` + strings.ReplaceAll(cell, `"`, `""`) + `"`)
	}
	_, _ = w.WriteString("\r\n")
}

// harmless keeps a spreadsheet from taking a text for a formula (OWASP, CSV
// injection): a quote in front makes it text. What a spreadsheet does not see
// does not hide one.
func harmless(text string) string {
	unseen := func(r rune) bool {
		return r != '\t' && r != '\r' && r != '\n' && (unicode.IsSpace(r) || !unicode.IsGraphic(r))
	}
	first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(text, unseen))
	first, _ = utf8.DecodeRuneInString(norm.NFKC.String(string(first))) // full-width, small and raised forms
	if text != "" && strings.ContainsRune("=+-@\t\r\n|%", first) {
		return "'" + text
	}
	return text
}
