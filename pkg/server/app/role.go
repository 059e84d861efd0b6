package app

import "slices"

// StaffRole is what a member of staff may do. Each role includes the one before it.
type StaffRole string

// The roles. The zero value is that of a user who is no member of staff.
const (
	RoleNone    StaffRole = ""
	RoleViewer  StaffRole = "viewer"  // reads lists and records
	RoleSupport StaffRole = "support" // does what helps a user
	RoleAdmin   StaffRole = "admin"   // does all, and decides who is staff
)

// StaffRoles returns the roles of staff, the least one first.
func StaffRoles() []StaffRole { return []StaffRole{RoleViewer, RoleSupport, RoleAdmin} }

// Includes reports whether the role may do what another one may. What is no role
// includes nothing, and nothing includes it.
func (r StaffRole) Includes(other StaffRole) bool {
	has, needs := slices.Index(StaffRoles(), r), slices.Index(StaffRoles(), other)
	return needs >= 0 && has >= needs
}

// cleanRole judges the role that staff give to a user.
func cleanRole(value string) (string, error) {
	if value != "" && !slices.Contains(StaffRoles(), StaffRole(value)) {
		return "", Invalid("role", RefusedForm, "must be viewer, support or admin, or empty")
	}
	return value, nil
}
