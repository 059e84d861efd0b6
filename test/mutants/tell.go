package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// line is one outcome on the terminal.
func (o outcome) line() string {
	word := "caught"
	switch {
	case o.Broken != "":
		word = "BROKEN"
	case !o.Caught:
		word = "MISSED"
	}
	text := fmt.Sprintf("%s  %-8s %-62s by %-12s %5.1f s", word, strings.Join(o.Expected, " "), o.Name, strings.Join(o.By, " "), o.TookMS/1000)
	if len(o.Unjudged) > 0 {
		text += "  could not judge: " + strings.Join(o.Unjudged, " ")
	}
	if word != "caught" {
		text += fmt.Sprintf("\n        %s: exit code %d. %s %s", o.Command, o.Exit, o.Said, o.Broken)
	}
	return text
}

// tell prints the sums and writes the outcomes; missed says that a mutant got
// through, or could not be tried.
func tell(out io.Writer, list []outcome, took time.Duration, file string) (missed bool, err error) {
	type sum struct{ caught, total, elsewhere int }
	sums := map[string]*sum{}
	var ids []string
	whole := sum{}
	for _, o := range list {
		id := o.Expected[0]
		if sums[id] == nil {
			sums[id] = &sum{}
			ids = append(ids, id)
		}
		sums[id].total++
		whole.total++
		if o.Caught {
			sums[id].caught++
			whole.caught++
		}
		if slices.ContainsFunc(o.By, func(by string) bool { return !slices.Contains(o.Expected, by) }) {
			sums[id].elsewhere++
		}
	}
	slices.SortFunc(ids, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	_, err = fmt.Fprintf(out, "\n| gate | caught | of | also failed another gate |\n|---|---|---|---|\n")
	for _, id := range ids {
		_, more := fmt.Fprintf(out, "| %s | %d | %d | %d |\n", id, sums[id].caught, sums[id].total, sums[id].elsewhere)
		err = errors.Join(err, more)
	}
	_, more := fmt.Fprintf(out, "\n%d of %d mutants caught in %s; outcomes in %s\n", whole.caught, whole.total, took.Round(time.Second), file)
	return whole.caught != whole.total || whole.total == 0, errors.Join(err, more, keep(file, list))
}

func keep(file string, v any) error {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return os.WriteFile(file, append(raw, '\n'), 0o600)
}
