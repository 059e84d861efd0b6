package adminui

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"stackctl/pkg/server/app"
	"stackctl/pkg/server/serve"
)

// exportPause is how long a reader of an export may take nothing.
const exportPause = time.Minute

// export writes what a list finds, all of it, as CSV. The audit event comes first:
// what cannot be audited does not leave. A second one says how much has left.
func (p *pages) export(w http.ResponseWriter, r *http.Request, who caller, m app.Model) {
	serve.TraceOf(r.Context()).Route = r.Pattern
	q, err := p.query(r, m)
	if err != nil {
		p.listRefused(w, r, who, m, err)
		return
	}
	if r.Method != http.MethodHead { // of a HEAD nothing leaves, and nothing is read
		if err := p.Staff.Exporting(r.Context(), who.User, m, q); err != nil {
			p.fail(w, r, who, err)
			return
		}
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+m.Name+`.csv"`)
	if r.Method == http.MethodHead {
		return
	}
	// It takes as long as the reader does; one who has gone is noticed at the next row.
	ctx := context.WithoutCancel(r.Context())
	n, err := p.writeRecords(ctx, w, m, q)
	if err := errors.Join(err, p.Staff.Exported(ctx, who.User, m, n, err)); err != nil {
		slog.ErrorContext(ctx, "export was cut off", "request", serve.TraceOf(ctx).ID, "records", n, "error", err.Error())
		panic(http.ErrAbortHandler) // the reader must see that it is not whole
	}
}

// writeRecords writes the rows and returns how many records were read.
func (p *pages) writeRecords(ctx context.Context, w http.ResponseWriter, m app.Model, q app.RecordQuery) (int, error) {
	out, until := bufio.NewWriterSize(w, 64<<10), http.NewResponseController(w)
	row := make([]string, len(m.Fields))
	for i, f := range m.Fields {
		row[i] = f.Name
	}
	if err := writeRow(out, row); err != nil {
		return 0, err
	}
	count := 0
	n, err := p.Records.Each(ctx, m, q, func(record app.Record) error {
		if count++; count%1000 == 1 {
			if err := until.SetWriteDeadline(time.Now().Add(exportPause)); err != nil {
				return err
			}
		}
		for i, f := range m.Fields {
			row[i] = harmless(record[f.Name])
		}
		return writeRow(out, row)
	})
	return n, errors.Join(err, out.Flush())
}

// writeRow writes one row (RFC 4180) with every cell in quotes, so that a
// spreadsheet that splits at another character does not begin a cell within one.
func writeRow(w *bufio.Writer, cells []string) error {
	for i, cell := range cells {
		if i > 0 {
			_ = w.WriteByte(',') // an error stays with the writer
		}
		_, _ = w.WriteString(`"` + strings.ReplaceAll(cell, `"`, `""`) + `"`)
	}
	_, err := w.WriteString("\r\n")
	return err
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
