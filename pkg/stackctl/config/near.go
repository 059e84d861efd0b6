package config

import (
	"reflect"
	"slices"
	"strings"
)

// mostListed is how many keys are named where none is near what was written.
const mostListed = 14

// keyFix is what to do about a key that a setting does not have: the one that was most
// likely meant, or those that there are.
func keyFix(t reflect.Type, written string) string {
	all := keysOf(t)
	best, least := "", min(3, len(written))
	for _, key := range all {
		if d := distance(strings.ToLower(written), key); d < least {
			best, least = key, d
		}
	}
	switch {
	case best != "":
		return "did you mean " + best + "?"
	case len(all) <= mostListed:
		return "there are " + strings.Join(all, ", ")
	}
	return "see docs/configuration.md for the keys"
}

// keysOf are the keys of a setting, sorted.
func keysOf(t reflect.Type) []string {
	var out []string
	for i := range t.NumField() {
		switch name, _, _ := strings.Cut(t.Field(i).Tag.Get("mapstructure"), ","); name {
		case "-":
		case "":
			if t.Field(i).Type.Kind() == reflect.Struct {
				out = append(out, keysOf(t.Field(i).Type)...)
			}
		default:
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// distance is how many letters must be put in, taken out or replaced to make one text
// of another (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			swap := before
			if a[i] != b[j] {
				swap++
			}
			before = row[j+1]
			row[j+1] = min(swap, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
