package app

// FieldType says how a field of a record is shown and read.
type FieldType string

// The types of fields.
const (
	FieldText FieldType = "text"
	FieldTime FieldType = "time" // shown in UTC
	FieldBool FieldType = "bool"
	FieldID   FieldType = "id"
)

// ModelField declares one column of a table.
type ModelField struct {
	// Name is the column.
	Name  string
	Title string
	Type  FieldType
	// List shows it in lists; Search looks for the search words in it.
	List   bool
	Search bool
}

// Model declares what staff may see of one kind of record. Pages and queries
// follow from it. Names are constants of the program, never input.
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

// Models is what the staff pages show.
func Models() []Model {
	return []Model{{
		Name: "users", Title: "Users", Singular: "user", Table: "users", Key: "id", Sort: "created_at", Desc: true,
		Fields: []ModelField{
			{Name: "email", Title: "E-mail", List: true, Search: true},
			{Name: "display_name", Title: "Name", List: true, Search: true},
			{Name: "is_staff", Title: "Staff", Type: FieldBool, List: true},
			{Name: "email_verified_at", Title: "Verified", Type: FieldTime, List: true},
			{Name: "disabled_at", Title: "Disabled", Type: FieldTime, List: true},
			{Name: "created_at", Title: "Created", Type: FieldTime, List: true},
			{Name: "id", Title: "ID", Type: FieldID, Search: true},
		},
	}}
}

// PageSize is how many records a page of a list shows.
const PageSize = 50

// MaxPage bounds the page number.
const MaxPage = 10000

// RecordQuery asks for one page of records.
type RecordQuery struct {
	Search string
	Sort   string
	Desc   bool
	Page   int // from 1
}

// Clean bounds a query by its model: an unknown sort becomes the model's own.
func (q RecordQuery) Clean(m Model) RecordQuery {
	if _, known := m.Field(q.Sort); !known {
		q.Sort, q.Desc = m.Sort, m.Desc
	}
	q.Page = min(max(q.Page, 1), MaxPage)
	if r := []rune(q.Search); len(r) > 100 {
		q.Search = string(r[:100])
	}
	return q
}

// Record is one row as text, by column; a null is absent.
type Record map[string]string

// RecordPage is one page of a list.
type RecordPage struct {
	Records []Record
	// Total is how many records the query finds on all pages.
	Total int
}
