package adminui

import (
	"net/http"

	"stackctl/pkg/server/app"
)

// Route is a page of the staff pages that asks who is there, and what it does.
type Route struct {
	Pattern   string
	Operation app.Operation
	// kind is what the page's records are called, singular.
	kind string
	// ahead is open to who has yet to set up a second factor, and asks for no proof.
	ahead bool
	do    func(http.ResponseWriter, *http.Request, caller)
}

// Routes lists the pages of models that ask who is there.
func Routes(models []app.Model) []Route { return (&pages{Options: Options{Models: models}}).routes() }

func (p *pages) routes() []Route {
	all := []Route{
		{Pattern: "POST /logout", Operation: "own.logout", ahead: true, do: p.logout},
		{Pattern: "GET /factor", Operation: "own.factor", ahead: true, do: p.factor},
		{Pattern: "POST /factor", Operation: "own.factor", ahead: true, do: p.beginFactor},
		{Pattern: "POST /factor/confirm", Operation: "own.factor", ahead: true, do: p.confirmFactor},
		{Pattern: "POST /factor/passkeys", Operation: "own.factor", ahead: true, do: p.beginPasskey},
		{Pattern: "POST /factor/passkeys/add", Operation: "own.factor", ahead: true, do: p.addPasskey},
		{Pattern: "POST /factor/passkeys/{id}/remove", Operation: "own.factor", ahead: true, do: p.removePasskey},
		{Pattern: "GET /{$}", Operation: "own.start", do: func(w http.ResponseWriter, r *http.Request, _ caller) {
			http.Redirect(w, r, "/"+p.Models[0].Name, http.StatusSeeOther)
		}},
		{Pattern: "/", Operation: "own.start", do: func(w http.ResponseWriter, r *http.Request, who caller) {
			p.show(w, r, http.StatusNotFound, "message", page{Title: "Not found", caller: who, Data: "There is no such page."})
		}},
	}
	for _, m := range p.Models {
		all = append(all, p.modelRoutes(m)...)
	}
	return all
}

// modelRoutes are the pages of one model.
func (p *pages) modelRoutes(m app.Model) (all []Route) {
	on := func(pattern, doing string, do func(http.ResponseWriter, *http.Request, caller, app.Model)) {
		all = append(all, Route{Pattern: pattern, Operation: m.On(doing), kind: m.Singular,
			do: func(w http.ResponseWriter, r *http.Request, who caller) { do(w, r, who, m) }})
	}
	at := "/" + m.Name
	on("GET "+at, "list", p.list)
	on("GET "+at+".csv", "export", p.export)
	on("GET "+at+"/{id}", "view", p.view)
	if m.Creates() {
		on("GET "+at+"/new", "create", p.newForm)
		on("POST "+at, "create", p.create)
	}
	if m.Edits() {
		on("GET "+at+"/{id}/edit", "edit", p.editForm)
		on("POST "+at+"/{id}", "edit", p.edit)
	}
	if m.Deletes {
		on("GET "+at+"/{id}/delete", "delete", p.deleteForm)
		on("POST "+at+"/{id}/delete", "delete", p.delete)
	}
	for _, a := range m.Actions {
		on("POST "+at+"/{id}/do/"+a.Name, a.Name, func(w http.ResponseWriter, r *http.Request, who caller, m app.Model) { p.do(w, r, who, m, a.Name) })
	}
	return all
}

// allowed lets a page run for members of staff whose role is enough, who have a
// second factor where the site asks for one, and have proven it not long ago where
// something is changed.
func (p *pages) allowed(route Route) http.Handler {
	return p.signedIn(func(w http.ResponseWriter, r *http.Request, who caller) {
		if p.FactorRequired && !who.User.SecondFactor && !route.ahead {
			http.Redirect(w, r, "/factor", http.StatusSeeOther)
			return
		}
		if !who.User.Role.May(route.Operation) {
			p.fail(w, r, who, p.Staff.Refuse(r.Context(), who.User, route.Operation, route.kind, r.PathValue("id")))
			return
		}
		if changes(r) && who.User.SecondFactor && !route.ahead && !p.proven(w, r, who) {
			return
		}
		route.do(w, r, who)
	})
}
