package gates

import (
	"fmt"
	"strings"
)

//go:generate go run ./page ../../../docs/rules.md

// Page is docs/rules.md: all rules of the built-in gates, by family.
func Page() string {
	var b strings.Builder
	b.WriteString("# Rules\n\nMade by `go generate ./pkg/stackctl/gates`; do not edit.\n\n" +
		"Every finding names the rule that it comes from. A finding of level danger fails under\n" +
		"every policy; one of level strict fails under `policy: strict` and is advice under\n" +
		"`policy: standard`. Level danger is kept for what harms users or the server now: data lost,\n" +
		"a secret told, an open port, a wrong certificate, a broken sign-in, rights over the host,\n" +
		"or a release that does not work. A declared gate is a rule of its own, `declared/ID`.\n")
	family := ""
	for _, r := range Rules(nil) {
		if name, _, _ := strings.Cut(r.ID, "/"); name != family {
			family = name
			fmt.Fprintf(&b, "\n## %s\n\n| rule | level | asks | source | fix |\n|---|---|---|---|---|\n", family)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", r.ID, r.Level, cell(r.Asks), cell(r.Source), cell(r.Fix))
	}
	return b.String()
}

// cell is text of a rule as a cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }
