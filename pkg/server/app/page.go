package app

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

// RecordPage is one page of a list.
type RecordPage struct {
	Records []Record
	// Total is how many records the query finds on all pages; About: by what the
	// store guesses, because counting them would take long.
	Total int
	About bool
	// Before and After are the places at which the pages beside this one end and
	// begin; empty: there is none.
	Before, After string
}

// Place is where a record stands in a list: the value of the field that the list is
// sorted by, and the key. Pages that begin at a place cost the same wherever it is,
// and miss nothing when records are added meanwhile.
type Place struct {
	// Value is as the store writes it, in full.
	Value string
	Key   string
}

// Text is the place as a parameter of an address.
func (p Place) Text() string {
	text, err := json.Marshal([]string{p.Value, p.Key})
	if err != nil {
		panic(err) // Two strings always encode.
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// ReadPlace reads a place in a list of a model that is sorted by a field; false: it
// is none.
func ReadPlace(m Model, sort, text string) (Place, bool) {
	var parts []string
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) > 2000 || json.Unmarshal(raw, &parts) != nil || len(parts) != 2 {
		return Place{}, false
	}
	f, _ := m.Field(sort)
	p := Place{Value: parts[0], Key: parts[1]}
	return p, m.KeyFits(p.Key) && f.placeFits(p.Value)
}

// earliest is the time that PostgreSQL has before all others: an absent one.
const earliest = "-infinity"

func (f ModelField) placeFits(value string) bool {
	switch f.Type {
	case FieldTime:
		_, err := time.Parse("2006-01-02 15:04:05.999999-07", value)
		return err == nil || f.Null && value == earliest
	case FieldBool:
		return value == "true" || value == "false"
	case FieldInt, FieldUUID:
		return f.KeyFits(value)
	}
	return storable(value) == value && !strings.ContainsRune(value, 0)
}
