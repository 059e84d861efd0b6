package app

// An Operation is something that staff do: the model and what is done to it, such
// as users.disable.
type Operation string

// On is the operation of doing something to a model's records.
func (m Model) On(doing string) Operation { return Operation(m.Name + "." + doing) }

// Access is the one place that says which role an operation takes. What is not in
// it nobody may do. Whatever changes the account of a member of staff takes an
// admin besides (mayChange).
func Access() map[Operation]StaffRole {
	return map[Operation]StaffRole{
		"own.start":  RoleViewer,
		"own.logout": RoleViewer,
		"own.factor": RoleViewer,

		"users.list":              RoleViewer,
		"users.view":              RoleViewer,
		"users.end-sessions":      RoleSupport,
		"users.send-confirmation": RoleSupport,
		"users.send-reset":        RoleSupport,
		"users.drop-factor":       RoleSupport,
		"users.disable":           RoleSupport,
		"users.enable":            RoleSupport,
		"users.create":            RoleAdmin,
		"users.edit":              RoleAdmin,
		"users.delete":            RoleAdmin,
		"users.export":            RoleAdmin,

		"identities.list":   RoleViewer,
		"identities.view":   RoleViewer,
		"identities.delete": RoleAdmin,
		"identities.export": RoleAdmin,

		"sessions.list":   RoleViewer,
		"sessions.view":   RoleViewer,
		"sessions.delete": RoleSupport,
		"sessions.export": RoleAdmin,

		"audit.list":   RoleViewer,
		"audit.view":   RoleViewer,
		"audit.export": RoleAdmin,

		"jobs.list":   RoleViewer,
		"jobs.view":   RoleViewer,
		"jobs.retry":  RoleSupport,
		"jobs.cancel": RoleAdmin,
		"jobs.export": RoleAdmin,
	}
}

// May reports whether a role may do an operation.
func (r StaffRole) May(o Operation) bool { return r.Includes(Access()[o]) }

// lacking is the refusal of an operation to somebody whose role is too little.
func lacking(need, has StaffRole) error {
	return &Error{Code: CodeForbidden, Message: "This takes the role " + string(need) + ", and yours is " + string(has) + ". An admin can do it, or change your role."}
}
