package backup

// Kind is how a place is dumped and restored.
type Kind string

// The kinds of places.
const (
	PostgreSQL Kind = "postgresql"
	MySQL      Kind = "mysql" // and MariaDB
	Redis      Kind = "redis" // and Valkey
	// Files are a volume or a folder, copied as they are.
	Files Kind = "files"
	// None is not backed up.
	None Kind = "none"
)

// words are how a kind calls its parts and what is counted of each.
var words = map[Kind]struct{ noun, part, count, tool string }{
	PostgreSQL: {"the database", "table", "rows", "pg_dump"},
	MySQL:      {"the database", "table", "rows", "mysqldump in one transaction"},
	Redis:      {"the store", "database", "keys", "its own snapshot"},
	Files:      {"the folder", "folder", "entries", "a copy of its files"},
}

func (k Kind) known() bool   { _, ok := words[k]; return ok }
func (k Kind) noun() string  { return words[k].noun }
func (k Kind) part() string  { return words[k].part }
func (k Kind) count() string { return words[k].count }

// Parts is what the parts of a backup of this kind are called, Count what is
// counted of them.
func (k Kind) Parts() string {
	if k == "" {
		k = PostgreSQL
	}
	return k.part() + "s"
}

// Count is what is counted of each part: rows, entries, keys.
func (k Kind) Count() string {
	if k == "" {
		k = PostgreSQL
	}
	return k.count()
}
