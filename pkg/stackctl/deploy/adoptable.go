package deploy

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/image"
	"stackctl/pkg/stackctl/stack"
)

// leftBehind returns a note on all that the release does not take over.
func leftBehind(r stack.Release, adopted []stack.Container) []string {
	mounted := map[string]bool{}
	for _, s := range r.Services {
		for _, place := range r.Writes(s) {
			mounted[place] = true
		}
	}
	var notes []string
	for _, c := range adopted {
		if s, ok := r.Service(c.Service); !ok || !s.Deployed {
			notes = append(notes, c.Service+" is no service of this release: it goes with "+adoptedSubject)
		}
		if c.Written >= muchWritten {
			notes = append(notes, fmt.Sprintf("%s has written %.1f MB into its container, in no volume: they go with it. `docker cp` takes out what is needed", c.Service, float64(c.Written)/1e6))
		}
		for _, place := range c.Writes {
			if named(place) && !mounted[place] {
				notes = append(notes, "volume "+place+" of "+c.Service+" stays, and no service of this release mounts it")
			}
		}
	}
	slices.Sort(notes)
	return slices.Compact(notes)
}

const (
	// muchWritten is how much a program writes into its container before it is worth
	// a word: caches and process numbers are less.
	muchWritten = 1_000_000
	// anyWritten is how much a store without a volume writes before it holds data.
	anyWritten = 64_000
)

var anonymous = regexp.MustCompile(`^[0-9a-f]{64}$`)

// named reports whether a place is a volume with a name.
func named(place string) bool { return !strings.HasPrefix(place, "/") && !anonymous.MatchString(place) }

// checkAdopted refuses to adopt what may be another project, what is at work, and
// what would begin without its data. seen is observed, and set apart.
func checkAdopted(r stack.Release, t stack.Target, seen stack.Observed) error {
	fault := func(why, fix string) error {
		return stack.Fault(stack.CauseStep, "adopt project "+r.Project+" on "+t.Host, errors.New(why+"; nothing was changed"), fix)
	}
	if settled(seen) && slices.ContainsFunc(seen.Adopted, stack.Container.Active) {
		return fault("release "+seen.Live+" is live there, and `docker compose` started "+namesOf(seen.Adopted)+" beside it",
			"run `docker compose down` in its folder on the host, never with -v, and deploy without --adopt: the release goes on with the volumes")
	}
	known := false
	for _, c := range seen.Adopted {
		s, ok := r.Service(c.Service)
		known = known || ok
		switch {
		case c.Active() && c.Labels[stack.ComposeOneOff] == "True":
			return fault("container "+c.Name+" runs there by `docker compose run`: somebody is at work", "wait until it has ended, or end it")
		case c.Active() && ok && s.OneShot:
			return fault(c.Service+" is at work there (container "+c.Name+")", "wait until it has ended")
		}
		if why, fix := strands(r, t, seen, c); why != "" {
			return fault(why, fix)
		}
	}
	if !known && len(seen.Adopted) > 0 {
		return fault("none of "+origin(seen.Adopted)+", is a service of this release: it is another project of that name", "give this one another name in stackctl.yaml (`project:`)")
	}
	return nil
}

// settled reports whether a release is live that was found good: one that is not may
// be what an adoption left that was cut off after its switch.
func settled(seen stack.Observed) bool {
	return seen.Live != "" && seen.Record(seen.Live).State == stack.ReleaseGood
}

// strands returns why a service of the release would begin without the data of a
// container that it replaces, or with data that it may not be able to read, and
// what to do; empty: it does not.
func strands(r stack.Release, t stack.Target, seen stack.Observed, c stack.Container) (why, fix string) {
	s, ok := r.Service(c.Service)
	if !ok || !s.Deployed {
		return renamed(r, c)
	}
	writes := r.Writes(s)
	for _, place := range c.Writes {
		folder, below := inFolder(c, place)
		switch at := "data/" + folder; {
		case slices.Contains(writes, place):
		case named(place):
			return c.Service + " keeps data in volume " + place + ", which this release does not mount", "declare it in the compose file with `name: " + place + "`"
		case anonymous.MatchString(place):
			return c.Service + " may keep data in a volume without a name (" + place[:12] + "…), and would begin without it",
				"give the service a volume with a name, and copy there what that one holds; where nobody needs it, run `docker compose rm --stop " + c.Service + "` in the project's folder on the host, and the same command again"
		case below && lacks(r, seen, at):
			return c.Service + " keeps data in " + place + ", and this release in " + path.Join(t.Path, at) + ", where nothing is",
				"run `docker compose stop` in " + c.Labels[stack.ComposeFolder] + " on the host, copy the folder (`cp -a " + place + " " + path.Join(t.Path, at) + "`), and run the same command again"
		case path.IsAbs(place) && !below && !ofSystem(place):
			return c.Service + " writes to " + place + " there, which this release does not mount",
				"mount it in the compose file; where nobody needs it, run `docker compose rm --stop " + c.Service + "` in the project's folder on the host, and the same command again"
		}
	}
	if s.Layer == stack.LayerData && len(c.Writes) == 0 && c.Written >= anyWritten {
		return c.Service + " keeps data in its container, in no volume, and would begin without it",
			"give it a volume, and bring there what the container holds; where nobody needs it, run `docker compose rm --stop " + c.Service + "` in the project's folder on the host, and the same command again"
	}
	if s.Layer == stack.LayerData && len(writes) > 0 && !sameImage(c.Image, s.Image) && !sameID(r, s, c) {
		return c.Service + " runs " + c.Image + " there, and this release has " + s.Image + ", which may not read its data",
			"adopt it with the image that runs, and change that by a deploy of its own afterwards"
	}
	return "", ""
}

// inFolder returns where a place is below the folder that a container's project was
// started in; below reports whether it is there.
func inFolder(c stack.Container, place string) (folder string, below bool) {
	root := c.Labels[stack.ComposeFolder]
	if root == "" || !strings.HasPrefix(place+"/", root+"/") {
		return "", false
	}
	return strings.TrimPrefix(strings.TrimPrefix(place, root), "/"), true
}

// ofSystem reports whether a path of the host is a device, a socket or its clock, and
// so holds nothing of a project.
func ofSystem(place string) bool {
	return place == "/etc/localtime" || place == "/etc/timezone" || slices.ContainsFunc([]string{"/dev/", "/proc/", "/run/", "/sys/", "/tmp/", "/var/run/"}, func(root string) bool {
		return strings.HasPrefix(place+"/", root)
	})
}

// renamed is strands for a container whose service the release does not have: its
// data may be those of a store that has another name now.
func renamed(r stack.Release, c stack.Container) (why, fix string) {
	for _, s := range r.Services {
		if s.Layer != stack.LayerData || !s.Deployed || repository(s.Image) != repository(c.Image) {
			continue
		}
		for _, place := range c.Writes {
			if named(place) && !slices.Contains(r.Writes(s), place) {
				return c.Service + " keeps data in volume " + place + "; " + s.Name + " of this release runs the same program and would begin without it",
					"give the service its old name, or its volume `name: " + place + "`"
			}
		}
	}
	return "", ""
}

// lacks reports whether a folder that the release keeps is not there yet. One file
// that the project's own files hold is written by the deploy.
func lacks(r stack.Release, seen stack.Observed, at string) bool {
	for _, p := range r.Persistent {
		if p.Path == at {
			_, there := seen.Files[p.Path]
			return !there && (!p.File || len(p.Seed) == 0)
		}
	}
	return false
}

// sameImage reports whether two references name one repository and tag.
func sameImage(a, b string) bool {
	plain := func(ref string) string {
		ref, _, _ = strings.Cut(ref, "@")
		return image.Canonical(ref)
	}
	return plain(a) == plain(b) || a == b
}

// sameID reports whether a container runs the very image that a service will.
func sameID(r stack.Release, s stack.Service, c stack.Container) bool {
	return slices.ContainsFunc(r.Images, func(i stack.Image) bool { return i.Reference == s.Image && i.ID != "" && i.ID == c.ImageID })
}

// repository is a reference without tag and digest.
func repository(ref string) string {
	ref, _, _ = strings.Cut(image.Canonical(ref), "@")
	if i := strings.LastIndex(ref, ":"); i > strings.LastIndex(ref, "/") {
		ref = ref[:i]
	}
	return ref
}

// origin names adopted containers, and the folder that they were started in: it
// tells a person whose project they are.
func origin(list []stack.Container) string {
	text := namesOf(list)
	if folder := list[0].Labels[stack.ComposeFolder]; folder != "" {
		text += ", from " + folder
	}
	return text
}

// namesOf lists containers by name.
func namesOf(list []stack.Container) string {
	var out []string
	for _, c := range list {
		out = append(out, c.Name)
	}
	return strings.Join(out, ", ")
}
