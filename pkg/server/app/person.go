package app

// Person is how a user is named to staff.
type Person struct {
	ID    string
	Email string
	Name  string
	Role  StaffRole
}

// String is the address, which nobody can choose to be another's, with the name
// before it.
func (p Person) String() string {
	if p.Name == "" {
		return p.Email
	}
	return p.Name + " (" + p.Email + ")"
}
