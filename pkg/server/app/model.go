package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// FieldType is how a field of a record is shown, read and filtered.
type FieldType string

// The types of fields. The zero value is text.
const (
	FieldText FieldType = ""
	FieldLong FieldType = "long" // text of several lines
	FieldTime FieldType = "time" // shown in UTC; filtered by whether it is set
	FieldBool FieldType = "bool"
	FieldUUID FieldType = "uuid"
	FieldInt  FieldType = "int"
	FieldJSON FieldType = "json"
)

// Search is how the search of a list looks in a field. The store has an index for
// each way, since a table can have millions of rows.
type Search int

// A search passes a field over, looks for fields that are a word, or for fields that
// hold one.
const (
	SearchNot Search = iota
	SearchWhole
	SearchPart
)

// ModelField declares one column of a table.
type ModelField struct {
	// Name is the column.
	Name  string
	Title string
	Type  FieldType
	// List shows it in lists, Search lets the search look in it, Filter offers it as a
	// filter.
	List   bool
	Search Search
	Filter bool
	// Sorts lets lists be sorted by it; the store has an index for that. A value of
	// such a field that can be absent (Null, a time) counts as the least.
	Sorts bool
	Null  bool
	// Choices are the values that a filter offers.
	Choices []string
	// Ref names the model whose record the value is the key of. Where that depends on
	// the record, RefBy is the field that says so by the singular of a model.
	Ref   string
	RefBy string
	// Personal marks what is a person's own: audit events say that it was changed,
	// and never what it was, so that nothing of it outlives the person's account.
	Personal bool
	// Create and Edit let staff set it; Clean judges what they give.
	Create bool
	Edit   bool
	Clean  func(string) (string, error)
	// Set writes what staff give where that is more than a value for the column.
	Set func(ctx context.Context, tx Tx, id, value string) error
}

// Action is something that staff can do to one record besides editing it.
type Action struct {
	Name  string
	Title string
	// Offered reports whether it makes sense for a record as it is.
	Offered func(Record) bool
	Apply   func(ctx context.Context, tx Tx, id string) error
}

// Model declares what staff may see and do with one kind of record. Pages and
// queries follow from it. Names are constants of the program, never input.
type Model struct {
	// Name is the path of its pages.
	Name     string
	Title    string
	Singular string
	Table    string
	Key      string
	Fields   []ModelField
	// Sort is the field that lists are sorted by at first; Desc turns it.
	Sort string
	Desc bool
	// Dated is the field by which a list can be narrowed to days.
	Dated string
	// Owner is the field with the ID of the user whom a record belongs to; empty:
	// records belong to nobody.
	Owner string
	// Touched is the column that says when a record was last changed.
	Touched string
	// Deletes lets staff delete records.
	Deletes bool
	Actions []Action
	// Changed is called in the transaction of a change with what was before;
	// an error undoes the change. Before is nil for a new record, after for a
	// deleted one.
	Changed func(ctx context.Context, tx Tx, actor User, before, after Record) error
}

// Field finds a field by its name.
func (m Model) Field(name string) (ModelField, bool) {
	for _, f := range m.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return ModelField{}, false
}

// Creates reports whether staff can make records.
func (m Model) Creates() bool { return m.any(func(f ModelField) bool { return f.Create }) }

// Edits reports whether staff can edit records.
func (m Model) Edits() bool { return m.any(func(f ModelField) bool { return f.Edit }) }

func (m Model) any(is func(ModelField) bool) bool {
	for _, f := range m.Fields {
		if is(f) {
			return true
		}
	}
	return false
}

// Action finds an action by its name.
func (m Model) Action(name string) (Action, bool) {
	for _, a := range m.Actions {
		if a.Name == name {
			return a, true
		}
	}
	return Action{}, false
}

// Version names the state of a record's fields that can be edited: it is another
// one as soon as one of them has another value.
func (m Model) Version(r Record) string {
	sum := sha256.New()
	for _, f := range m.Fields {
		if f.Edit {
			fmt.Fprintf(sum, "%q=%q\n", f.Name, r[f.Name])
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:12])
}

// KeyFits reports whether a text could be the key of a record.
func (m Model) KeyFits(key string) bool {
	f, _ := m.Field(m.Key)
	if f.Type == FieldInt {
		return key != "" && len(key) <= 18 && strings.Trim(key, "0123456789") == ""
	}
	parts := strings.Split(key, "-")
	if len(parts) != 5 {
		return false
	}
	for i, n := range []int{8, 4, 4, 4, 12} {
		if len(parts[i]) != n || strings.Trim(parts[i], "0123456789abcdef") != "" {
			return false
		}
	}
	return true
}

// PageSize is how many records a page of a list shows.
const PageSize = 50

// RecordQuery asks for one page of records.
type RecordQuery struct {
	Search string
	// Filters maps a field to a value: the value itself, true or false for a
	// truth value, set or unset for a time.
	Filters map[string]string
	// From and To are the first and the last day that the model's dated field may
	// have, in UTC, such as 2026-11-30; empty: any.
	From, To string
	Sort     string
	Desc     bool
	// After and Before are places in the list: the page begins behind the one, or
	// ends before the other. Both empty: the first page.
	After, Before string
}

// Clean bounds a query by its model: an unknown sort becomes the model's own,
// filters of fields that offer none and days that CheckDays refuses fall away. A list
// that is narrowed to days is sorted by them, unless it is sorted by something else.
func (q RecordQuery) Clean(m Model) RecordQuery {
	if f, known := m.Field(q.Sort); !known || !f.Sorts {
		q.Sort, q.Desc = m.Sort, m.Desc
	}
	if m.Dated == "" || q.CheckDays() != nil {
		q.From, q.To = "", ""
	}
	if (q.From != "" || q.To != "") && q.Sort == m.Sort {
		q.Sort = m.Dated
	}
	for _, at := range []*string{&q.After, &q.Before} {
		if _, ok := ReadPlace(m, q.Sort, *at); !ok {
			*at = ""
		}
	}
	q.Search = storable(q.Search)
	if r := []rune(q.Search); len(r) > 100 {
		q.Search = string(r[:100])
	}
	kept := map[string]string{}
	for name, value := range q.Filters {
		value = storable(value)
		if f, known := m.Field(name); known && f.Filter && f.filterFits(value) {
			kept[name] = value
		}
	}
	q.Filters = kept
	return q
}

// storable leaves out what the database cannot hold: NUL and invalid UTF-8.
func storable(text string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "")
}

func (f ModelField) filterFits(value string) bool {
	switch {
	case value == "" || len(value) > 100:
		return false
	case f.Type == FieldBool:
		return value == "true" || value == "false"
	case len(f.Choices) > 0:
		return slices.Contains(f.Choices, value)
	case f.Type == FieldTime:
		return value == "set" || value == "unset"
	case f.Ref != "" || f.Type == FieldUUID:
		return f.KeyFits(value)
	}
	return true
}

// KeyFits reports whether a text could be a value of the field that is a key.
func (f ModelField) KeyFits(value string) bool {
	return Model{Key: "k", Fields: []ModelField{{Name: "k", Type: f.Type}}}.KeyFits(value)
}

// Record is one row as text, by column; a null is absent.
type Record map[string]string
