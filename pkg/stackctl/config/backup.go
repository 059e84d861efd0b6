package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// ageKey is the shape of an age public key; the key itself is judged where it is used.
var ageKey = regexp.MustCompile(`^age1[a-z0-9]+$`)

func checkBackup(b stack.Backup) (problem, fix, key string) {
	if b.Keep < 1 || b.Keep > 1000 {
		return fmt.Sprintf("backup.keep %d is none of 1 to 1000", b.Keep), "say how many backups stay", "keep"
	}
	for _, r := range b.Recipients {
		if len(r) < 50 || len(r) > 2500 || !ageKey.MatchString(r) {
			return fmt.Sprintf("backup.recipients: %.20q is no age public key", r), "`stackctl backup keygen FILE` prints one; it begins with age1", "recipients"
		}
	}
	for name, command := range map[string][]string{"command": b.Command, "restore": b.Restore} {
		if b.Service != "" && (len(command) == 0 || command[0] == "") {
			return "backup." + name + " is empty", "leave the key out to use pg_dump and pg_restore", name
		}
	}
	seen := map[string]bool{}
	for i, p := range b.Places {
		if problem, fix, key := checkPlace(p, seen); problem != "" {
			return "backup.places: " + problem, fix, fmt.Sprintf("places.%d.%s", i, key)
		}
	}
	return "", "", ""
}

// What a place may be backed up as, and what its services may do meanwhile.
var (
	placeKinds  = []string{"postgresql", "mysql", "redis", "files", "none"}
	placeWhiles = []string{"running", "paused", "stopped"}
)

func checkPlace(p stack.BackupPlace, seen map[string]bool) (problem, fix, key string) {
	switch {
	case p.Name == "":
		return "a place has no name", "name a service, volume or folder of the compose files", "name"
	case seen[p.Name]:
		return fmt.Sprintf("%q is named twice", p.Name), "keep one of them", "name"
	case p.As != "" && !slices.Contains(placeKinds, p.As):
		return fmt.Sprintf("%s: as %q is no kind of place", p.Name, p.As), "use one of " + strings.Join(placeKinds, ", "), "as"
	case p.While != "" && !slices.Contains(placeWhiles, p.While):
		return fmt.Sprintf("%s: while %q", p.Name, p.While), "use one of " + strings.Join(placeWhiles, ", "), "while"
	case p.While != "" && p.As != "" && p.As != "files":
		return fmt.Sprintf("%s: while is for files, not for %s", p.Name, p.As), "leave it out", "while"
	case p.PasswordFile != "" && !strings.HasPrefix(p.PasswordFile, "/"):
		return fmt.Sprintf("%s: password_file %q is no path in the container", p.Name, p.PasswordFile), "begin it with /", "password_file"
	case p.User+p.Database+p.PasswordFile != "" && (p.As == "files" || p.As == "none"):
		return fmt.Sprintf("%s: user, database and password_file are for databases, not for %s", p.Name, p.As), "leave them out", "as"
	}
	seen[p.Name] = true
	return "", "", ""
}
