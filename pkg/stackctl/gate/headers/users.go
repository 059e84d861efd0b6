package headers

import (
	"path"
	"slices"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/traefik"
)

// leastCost is what htpasswd -B itself takes.
const leastCost = 5

// usersFile judges the file of a password guard, where it is a secret of the
// edge: a fast hash in a stolen file is soon a password.
func (j *judge) usersFile(mw traefik.Middleware, finding func(rule stack.Rule, problem, expected, observed, fix string)) {
	file := mw.Node.Text("usersFile")
	edge, known := traefik.Service(j.subject.Release, j.subject.Config.Traefik)
	if file == "" || !known || len(edge.Secrets) == 0 && len(edge.Volumes) == 0 {
		return
	}
	name, isSecret := strings.CutPrefix(path.Clean(file), "/run/secrets/")
	switch {
	case isSecret && !slices.Contains(edge.Secrets, name):
		finding(usersFileRule, "the guard's file is not there", "a secret of service "+edge.Name, file, "name "+name+" under secrets of "+edge.Name)
		return
	case !isSecret && !probe.MountsFile(edge, path.Clean(file), path.Base(file)):
		finding(usersFileRule, "the guard's file is not there", "a secret of service "+edge.Name, file, "name it under secrets of "+edge.Name+", and its path in usersFile")
		return
	case !isSecret || mw.Kind != "basicauth":
		return
	}
	content, has := j.subject.Release.Known[name]
	if !has {
		return
	}
	users := 0
	for line := range strings.Lines(content) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		users++
		user, hash, _ := strings.Cut(line, ":")
		if why := weakHash(hash); why != "" {
			finding(usersFileRule, "a password of the guard is kept as "+why, "bcrypt", "user "+probe.Shown(user), "make the line with `htpasswd -B`, or remove the file and run `stackctl init --secrets`")
		}
	}
	if users == 0 {
		finding(usersFileRule, "the password guard has no users", "users in "+file, "none", "run `stackctl init --secrets`")
	}
}

// weakHash returns why a stored password is soon guessed, or "". It never shows it.
func weakHash(hash string) string {
	cost, err := bcrypt.Cost([]byte(hash))
	switch {
	case err == nil && cost >= leastCost:
		return ""
	case err == nil:
		return "bcrypt of too low a cost"
	case strings.HasPrefix(hash, "{SHA}"):
		return "SHA-1"
	case strings.HasPrefix(hash, "$apr1$") || strings.HasPrefix(hash, "$1$"):
		return "MD5"
	}
	return "plain text, or in a form that the edge does not know"
}
