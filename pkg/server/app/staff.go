package app

import (
	"context"
	"strconv"
	"strings"
)

// Staff carries out what staff do to records. Each change and its audit event,
// with what was before and after, are one transaction.
type Staff struct {
	Store Store
}

// Create adds a record with the values of the fields that may be set.
func (s *Staff) Create(ctx context.Context, actor User, m Model, given map[string]string) (id string, err error) {
	values, err := read(m, given, func(f ModelField) bool { return f.Create })
	if err != nil {
		return "", err
	}
	err = s.inTx(ctx, actor, m, "create", "", func(tx Tx, _ StaffRole) error {
		plain, set := apart(m, values)
		if id, err = tx.AddRecord(ctx, m, plain); err != nil {
			return err
		}
		if err := write(ctx, tx, m, id, set); err != nil {
			return err
		}
		after, err := tx.Record(ctx, m, id)
		if err != nil {
			return err
		}
		return finish(ctx, tx, actor, m, "create", id, nil, after)
	})
	return id, err
}

// Edit changes the fields of a record that may be edited. The version is the
// one of the record that the form showed: what somebody else has changed since
// is not written over, but a conflict.
func (s *Staff) Edit(ctx context.Context, actor User, m Model, id, version string, given map[string]string) error {
	values, err := read(m, given, func(f ModelField) bool { return f.Edit })
	if err != nil {
		return err
	}
	return s.change(ctx, actor, m, id, "edit", func(tx Tx, before Record) error {
		if m.Version(before) != version {
			return outdated(m, before, values)
		}
		for name, v := range values {
			if before[name] == v {
				delete(values, name)
			}
		}
		plain, set := apart(m, values)
		if len(plain) > 0 {
			if err := tx.ChangeRecord(ctx, m, id, plain); err != nil {
				return err
			}
		}
		return write(ctx, tx, m, id, set)
	})
}

// apart parts the values of columns from those that a model sets by itself.
func apart(m Model, values Record) (plain, set Record) {
	plain, set = Record{}, Record{}
	for name, value := range values {
		if f, _ := m.Field(name); f.Set != nil {
			set[name] = value
		} else {
			plain[name] = value
		}
	}
	return plain, set
}

func write(ctx context.Context, tx Tx, m Model, id string, set Record) error {
	for name, value := range set {
		f, _ := m.Field(name)
		if err := f.Set(ctx, tx, id, value); err != nil {
			return err
		}
	}
	return nil
}

// outdated is the conflict of a form with what the record has become: it names
// the fields in which the two differ, with the record's value.
func outdated(m Model, now, values Record) error {
	conflict := &Error{Code: CodeConflict, Message: "Somebody has changed this " + m.Singular + " since you opened the form. See what it is now, and save again to write over it."}
	for _, f := range m.Fields {
		if value, given := values[f.Name]; given && value != now[f.Name] {
			conflict.Fields = append(conflict.Fields, Field{Name: f.Name, Message: "is now " + strconv.Quote(now[f.Name])})
		}
	}
	return conflict
}

// Delete deletes a record.
func (s *Staff) Delete(ctx context.Context, actor User, m Model, id string) error {
	if !m.Deletes {
		return ErrNotFound
	}
	return s.inTx(ctx, actor, m, "delete", id, func(tx Tx, role StaffRole) error {
		before, err := tx.Record(ctx, m, id)
		if err != nil {
			return err
		}
		if err := mayChange(ctx, tx, m, before, role); err != nil {
			return err
		}
		if err := tx.DropRecord(ctx, m, id); err != nil {
			return err
		}
		return finish(ctx, tx, actor, m, "delete", id, before, nil)
	})
}

// Do carries out an action.
func (s *Staff) Do(ctx context.Context, actor User, m Model, id, action string) error {
	a, known := m.Action(action)
	if !known {
		return ErrNotFound
	}
	return s.change(ctx, actor, m, id, action, func(tx Tx, before Record) error {
		if a.Offered != nil && !a.Offered(before) {
			return &Error{Code: CodeConflict, Message: "That is not possible as the " + m.Singular + " is now."}
		}
		return a.Apply(ctx, tx, id)
	})
}

// Exporting notes that staff begin to take records out. What was searched for is
// left out: it is an address or a name as a rule.
func (s *Staff) Exporting(ctx context.Context, actor User, m Model, q RecordQuery) error {
	detail := map[string]any{"searched": q.Search != "", "filters": q.Filters}
	for name, date := range map[string]string{"from": q.From, "to": q.To} {
		if date != "" {
			detail[name] = date
		}
	}
	return s.Store.InTx(ctx, func(tx Tx) error {
		return tx.Audit(ctx, AuditEvent{Actor: actor.ID, Action: "staff.export", SubjectKind: m.Singular, Result: AuditOK, Detail: detail})
	})
}

// Exported notes how many records an export took out, and whether it was whole.
func (s *Staff) Exported(ctx context.Context, actor User, m Model, records int, failed error) error {
	event := AuditEvent{Actor: actor.ID, Action: "staff.exported", SubjectKind: m.Singular, Result: AuditOK, Detail: map[string]any{"records": records}}
	if failed != nil {
		event.Result = AuditRefused
		event.Detail["reason"] = "cut off"
	}
	return s.Store.InTx(ctx, func(tx Tx) error { return tx.Audit(ctx, event) })
}

// Refuse audits that an operation was refused to a member of staff whose role is too
// little, and returns that refusal.
func (s *Staff) Refuse(ctx context.Context, actor User, o Operation, kind, id string) error {
	need := Access()[o]
	_, doing, _ := strings.Cut(string(o), ".")
	event := AuditEvent{Actor: actor.ID, Action: "staff." + doing, SubjectKind: kind, SubjectID: id, Result: AuditRefused,
		Detail: map[string]any{"role": string(actor.Role), "needs": string(need)}}
	if err := s.Store.InTx(ctx, func(tx Tx) error { return tx.Audit(ctx, event) }); err != nil {
		return err
	}
	return lacking(need, actor.Role)
}

// mayChange refuses changes to what belongs to a member of staff, but for an admin:
// who ends an admin's sessions, or takes the second factor away, decides who is one.
func mayChange(ctx context.Context, tx RecordTx, m Model, r Record, role StaffRole) error {
	owner := r[m.Owner]
	if owner == "" || role == RoleAdmin {
		return nil
	}
	of, err := tx.RoleOf(ctx, owner)
	if err == nil && of != RoleNone {
		err = lacking(RoleAdmin, role)
	}
	return err
}

// inTx runs a change by a member of staff, whose role must still be enough for it: of
// two admins who take each other's rights away at once, the second is refused, so that
// the last one stays. A change that is refused for what it would do is audited, too.
func (s *Staff) inTx(ctx context.Context, actor User, m Model, action, id string, do func(Tx, StaffRole) error) error {
	err := s.Store.InTx(ctx, func(tx Tx) error {
		if err := tx.HoldStaff(ctx); err != nil {
			return err
		}
		now, err := tx.User(ctx, actor.ID)
		if err != nil && CodeOf(err) != CodeNotFound {
			return err
		}
		if err != nil || !mayEnter(now, SessionStaff) {
			return &Error{Code: CodeForbidden, Message: "You are no longer a member of staff."}
		}
		if o := m.On(action); !now.Role.May(o) {
			return lacking(Access()[o], now.Role)
		}
		return do(tx, now.Role)
	})
	if code := CodeOf(err); err != nil && (code == CodeConflict || code == CodeForbidden) {
		refused := AuditEvent{Actor: actor.ID, Action: "staff." + action, SubjectKind: m.Singular, SubjectID: id, Result: AuditRefused}
		if err := s.Store.InTx(ctx, func(tx Tx) error { return tx.Audit(ctx, refused) }); err != nil {
			return err
		}
	}
	return err
}

func (s *Staff) change(ctx context.Context, actor User, m Model, id, action string, do func(Tx, Record) error) error {
	return s.inTx(ctx, actor, m, action, id, func(tx Tx, role StaffRole) error {
		before, err := tx.Record(ctx, m, id)
		if err != nil {
			return err
		}
		if err := mayChange(ctx, tx, m, before, role); err != nil {
			return err
		}
		if err := do(tx, before); err != nil {
			return err
		}
		after, err := tx.Record(ctx, m, id)
		if err != nil {
			return err
		}
		return finish(ctx, tx, actor, m, action, id, before, after)
	})
}

// finish asks the model whether the change may stand, and audits it.
func finish(ctx context.Context, tx Tx, actor User, m Model, action, id string, before, after Record) error {
	if m.Changed != nil {
		if err := m.Changed(ctx, tx, actor, before, after); err != nil {
			return err
		}
	}
	detail := map[string]any{}
	for _, f := range m.Fields {
		if was, is := before[f.Name], after[f.Name]; was != is && f.Name != m.Touched {
			detail[f.Name] = map[string]string{"before": was, "after": is}
			if f.Personal {
				detail[f.Name] = changedText
			}
		}
	}
	return tx.Audit(ctx, AuditEvent{Actor: actor.ID, Action: "staff." + action, SubjectKind: m.Singular, SubjectID: id, Result: AuditOK, Detail: detail})
}

// read judges the values of the fields that may be set.
func read(m Model, given map[string]string, may func(ModelField) bool) (Record, error) {
	values, refused := Record{}, []Field{}
	for _, f := range m.Fields {
		if !may(f) {
			continue
		}
		value := strings.ReplaceAll(given[f.Name], "\r\n", "\n")
		if f.Type == FieldBool {
			values[f.Name] = "false"
			if value == "true" {
				values[f.Name] = "true"
			}
			continue
		}
		if f.Clean != nil {
			clean, err := f.Clean(value)
			if err != nil {
				refused = append(refused, Field{Name: f.Name, Message: fieldMessage(err)})
				continue
			}
			value = clean
		}
		values[f.Name] = value
	}
	if len(refused) > 0 {
		return nil, &Error{Code: CodeInvalid, Message: "The form was refused.", Fields: refused}
	}
	return values, nil
}
