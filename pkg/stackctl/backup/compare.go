package backup

import "fmt"

// Difference is one table or sequence that is not what the backup recorded.
type Difference struct {
	Object   string `json:"object"`
	Problem  string `json:"problem"`
	Expected string `json:"expected"`
	Observed string `json:"observed"`
}

func (d Difference) String() string {
	return fmt.Sprintf("%s: %s, recorded %s, restored %s", d.Object, d.Problem, d.Expected, d.Observed)
}

// compare holds what was restored against what the backup recorded.
func compare(m Manifest, found Contents) []Difference {
	part, count := m.kind().part(), m.kind().count()
	var out []Difference
	add := func(object, problem, expected, observed string) {
		out = append(out, Difference{object, problem, expected, observed})
	}
	restored := map[string]Table{}
	for _, t := range found.Tables {
		restored[t.Name] = t
	}
	for _, want := range m.Tables {
		got, there := restored[want.Name]
		delete(restored, want.Name)
		switch {
		case !there && want.Rows > want.Fleeting || !there && want.Fleeting == 0:
			add(part+" "+want.Name, "missing", fmt.Sprintf("%d %s", want.Rows, count), "no such "+part)
		case !there:
		case got.Rows > want.Rows, got.Rows < want.Rows-want.Fleeting:
			add(part+" "+want.Name, "other number of "+count, fmt.Sprint(want.Rows), fmt.Sprint(got.Rows))
		case got.Hash != want.Hash:
			add(part+" "+want.Name, "other content", want.Hash, got.Hash)
		}
	}
	for _, t := range found.Tables {
		if _, extra := restored[t.Name]; extra {
			add(part+" "+t.Name, "not in the backup", "no such "+part, fmt.Sprintf("%d %s", t.Rows, count))
		}
	}
	at := map[string]Sequence{}
	for _, s := range found.Sequences {
		at[s.Name] = s
	}
	for _, want := range m.Sequences {
		got, there := at[want.Name]
		switch {
		case !there:
			add("sequence "+want.Name, "missing", fmt.Sprint(want.At), "no such sequence")
		case !want.Down && got.At < want.At, want.Down && got.At > want.At:
			add("sequence "+want.Name, "behind: it would give numbers again", fmt.Sprint(want.At), fmt.Sprint(got.At))
		}
	}
	return out
}
