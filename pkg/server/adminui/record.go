package adminui

import (
	"errors"
	"net/http"

	"stackctl/pkg/server/app"
)

// notices are the words for what was done; the address names one of them, and
// nothing else from the address is ever shown.
var notices = map[string]string{
	"create": "Created.", "edit": "Saved.", "delete": "Deleted.", "action": "Done.",
}

type recordData struct {
	Model   app.Model
	ID      string
	Record  app.Record
	Actions []app.Action
	// Related leads to records of other models that name this one.
	Related []value
	// Above reports whether the record belongs to a member of staff, and the caller is
	// no admin: nothing of it can be changed.
	Above bool
	Error string
}

func (p *pages) view(w http.ResponseWriter, r *http.Request, who caller, m app.Model) {
	p.showRecord(w, r, who, m, "view", http.StatusOK, "")
}

func (p *pages) deleteForm(w http.ResponseWriter, r *http.Request, who caller, m app.Model) {
	p.showRecord(w, r, who, m, "delete", http.StatusOK, "")
}

func (p *pages) showRecord(w http.ResponseWriter, r *http.Request, who caller, m app.Model, template string, status int, problem string) {
	id := r.PathValue("id")
	record, err := p.Records.One(r.Context(), m, id)
	if err != nil {
		p.fail(w, r, who, err)
		return
	}
	people, err := p.people(r.Context(), m, []app.Record{record}, record[m.Owner])
	if err != nil {
		p.fail(w, r, who, err)
		return
	}
	role := who.User.Role
	data := recordData{Model: m, ID: id, Record: record, Error: problem, Above: people[record[m.Owner]].Role != app.RoleNone && role != app.RoleAdmin}
	for _, a := range m.Actions {
		if (a.Offered == nil || a.Offered(record)) && role.May(m.On(a.Name)) && !data.Above {
			data.Actions = append(data.Actions, a)
		}
	}
	for _, other := range p.Models {
		for _, f := range other.Fields {
			if !f.Filter {
				continue
			}
			text := ""
			switch {
			case f.Ref == m.Name:
				text = other.Title
			case f.RefBy != "" && m.Name == users:
				text = other.Title + " about this " + m.Singular
			}
			if text != "" {
				data.Related = append(data.Related, value{Text: text, Link: link(other, app.RecordQuery{Filters: map[string]string{f.Name: id}}.Clean(other))})
			}
		}
	}
	shown := page{Current: m.Name, caller: who, Notice: notices[r.URL.Query().Get("done")], People: people, Data: data}
	shown.Title = m.Title + ": " + shown.Value(m.Fields[0], record).Text
	p.show(w, r, status, template, shown)
}

func (p *pages) delete(w http.ResponseWriter, r *http.Request, who caller, m app.Model) {
	if err := p.Staff.Delete(r.Context(), who.User, m, r.PathValue("id")); err != nil {
		p.refuse(w, r, who, m, "delete", err)
		return
	}
	http.Redirect(w, r, "/"+m.Name+"?done=delete", http.StatusSeeOther)
}

func (p *pages) do(w http.ResponseWriter, r *http.Request, who caller, m app.Model, action string) {
	id := r.PathValue("id")
	if err := p.Staff.Do(r.Context(), who.User, m, id, action); err != nil {
		p.refuse(w, r, who, m, "view", err)
		return
	}
	http.Redirect(w, r, "/"+m.Name+"/"+id+"?done=action", http.StatusSeeOther)
}

// refuse shows the record again with what stands in the way.
func (p *pages) refuse(w http.ResponseWriter, r *http.Request, who caller, m app.Model, template string, err error) {
	if app.CodeOf(err) == app.CodeConflict {
		p.showRecord(w, r, who, m, template, http.StatusConflict, message(err))
		return
	}
	p.fail(w, r, who, err)
}

// input is one field of a form.
type input struct {
	app.ModelField
	Value   string
	Problem string
}

type formData struct {
	Action string
	Back   string
	// Version is the state of the record that the form shows; empty for a new one.
	Version string
	Inputs  []input
	Error   string
}

func (p *pages) newForm(w http.ResponseWriter, r *http.Request, who caller, m app.Model) {
	p.showForm(w, r, who, m, http.StatusOK, "", "", map[string]string{}, nil)
}

func (p *pages) editForm(w http.ResponseWriter, r *http.Request, who caller, m app.Model) {
	record, err := p.Records.One(r.Context(), m, r.PathValue("id"))
	if err != nil {
		p.fail(w, r, who, err)
		return
	}
	p.showForm(w, r, who, m, http.StatusOK, r.PathValue("id"), m.Version(record), record, nil)
}

// showForm shows the fields that may be set: of a new record where id is
// empty, else of that one.
func (p *pages) showForm(w http.ResponseWriter, r *http.Request, who caller, m app.Model, status int, id, version string, values map[string]string, problem error) {
	title, data := "New "+m.Singular, formData{Action: "/" + m.Name, Back: "/" + m.Name, Version: version}
	if id != "" {
		title, data.Action, data.Back = "Edit "+m.Singular, "/"+m.Name+"/"+id, "/"+m.Name+"/"+id
	}
	problems := fieldProblems(problem)
	if problem != nil {
		data.Error = message(problem)
	}
	for _, f := range m.Fields {
		if id == "" && f.Create || id != "" && f.Edit {
			data.Inputs = append(data.Inputs, input{ModelField: f, Value: values[f.Name], Problem: problems[f.Name]})
		}
	}
	p.show(w, r, status, "form", page{Title: title, Current: m.Name, caller: who, Data: data})
}

// fieldProblems maps fields to what is wrong with them.
func fieldProblems(err error) map[string]string {
	problems := map[string]string{}
	var known *app.Error
	if errors.As(err, &known) {
		for _, f := range known.Fields {
			problems[f.Name] = f.Message
		}
	}
	return problems
}

func (p *pages) create(w http.ResponseWriter, r *http.Request, who caller, m app.Model) {
	given := form(r, m)
	id, err := p.Staff.Create(r.Context(), who.User, m, given)
	if p.formRefused(w, r, who, m, "", "", given, err) {
		return
	}
	http.Redirect(w, r, "/"+m.Name+"/"+id+"?done=create", http.StatusSeeOther)
}

func (p *pages) edit(w http.ResponseWriter, r *http.Request, who caller, m app.Model) {
	id, version, given := r.PathValue("id"), r.PostFormValue("version"), form(r, m)
	if p.formRefused(w, r, who, m, id, version, given, p.Staff.Edit(r.Context(), who.User, m, id, version, given)) {
		return
	}
	http.Redirect(w, r, "/"+m.Name+"/"+id+"?done=edit", http.StatusSeeOther)
}

// formRefused shows the form again with what was given and what is wrong. After
// a conflict it is about the record as it is now: to save it again is to write
// over that knowingly.
func (p *pages) formRefused(w http.ResponseWriter, r *http.Request, who caller, m app.Model, id, version string, given map[string]string, err error) bool {
	if err == nil {
		return false
	}
	switch app.CodeOf(err) {
	case app.CodeInvalid:
		p.showForm(w, r, who, m, http.StatusBadRequest, id, version, given, err)
	case app.CodeConflict:
		if id != "" {
			now, missing := p.Records.One(r.Context(), m, id)
			if missing != nil {
				p.fail(w, r, who, missing)
				return true
			}
			version = m.Version(now)
		}
		p.showForm(w, r, who, m, http.StatusConflict, id, version, given, err)
	default:
		p.fail(w, r, who, err)
	}
	return true
}

// form reads the declared fields of a form; others do not exist.
func form(r *http.Request, m app.Model) map[string]string {
	given := map[string]string{}
	for _, f := range m.Fields {
		given[f.Name] = r.PostFormValue(f.Name)
	}
	return given
}
