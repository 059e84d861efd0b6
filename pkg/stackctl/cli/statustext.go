package cli

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/operate"
	"stackctl/pkg/stackctl/stack"
)

func (o *statusOptions) print(s operate.Status) {
	say := func(name, format string, args ...any) {
		fmt.Fprintf(o.out, "%-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	say("target", "%s (%s), https://%s/", s.Target, o.clean(s.Host), s.Domain)
	o.printLive(s, say)
	for _, a := range s.Absent {
		say("away", "%s", o.clean(a.String()))
	}
	switch {
	case s.Unjudged && s.Lock != nil:
		say("", "not judged to the end yet; a run is at work")
	case s.Unjudged:
		say("", "not judged to the end: a run was cut off; `stackctl deploy` of it judges it, `stackctl rollback` leads back")
	}
	if len(s.Beside) > 0 && s.Lock == nil {
		say("", "%s", o.clean(besideLine(s.Beside)))
	}
	if s.MaintenanceProblem != "" {
		say("maintenance", "%s", o.clean(s.MaintenanceProblem))
	} else if s.Maintenance != nil {
		say("maintenance", "%s", o.clean(maintenanceLine(s.Maintenance)))
	}
	o.printHealth(s)
	if s.Ingress != nil {
		say("ingress", "%s", o.clean(ingressLine(*s.Ingress)))
	}
	if s.Composed != nil {
		say("compose", "%s", o.clean(composedLine(*s.Composed)))
	}
	if s.FilesProblem != "" {
		say("files", "%s", o.clean(s.FilesProblem))
	}
	together := ""
	if clustered(s.Hosts) {
		together = "; all nodes together"
	}
	say("disk", "%s%s", diskWords(s.Disk), together)
	for _, h := range s.Hosts {
		if h.NearlyFull != "" {
			say("", "%s", o.clean(nearlyFullLine(h)))
		}
	}
	say("engine", "%s, %s of memory", o.clean(s.Engine), size(s.Memory))
	o.printLock(s, say)
	o.printBackup(s, say)
	o.printHosts(s.Hosts)
	o.printCertificates(s)
	o.printContainers(s)
}

// nearlyFullLine returns which disk will soon be full, and what to do.
func nearlyFullLine(h operate.Host) string {
	return or(h.Node, "it") + " is nearly full: " + h.NearlyFull + "; " + node.FreeSpace
}

// clustered reports whether hosts are the nodes of a cluster.
func clustered(hosts []operate.Host) bool { return len(hosts) > 0 && hosts[0].Node != "" }

// printHosts prints the nodes of a cluster that answer.
func (o *statusOptions) printHosts(list []operate.Host) {
	if !clustered(list) {
		return
	}
	w := tabwriter.NewWriter(o.out, 2, 4, 2, ' ', 0)
	fmt.Fprintln(w, "\nNODE\tADDRESS\tLABELS\tDISK\tMEMORY\tRUNS")
	for _, h := range list {
		labels := or(strings.Join(h.Labels, " "), "-")
		if h.Drained {
			labels += ", drained"
		}
		memory := size(h.Memory)
		if h.FreeMemory > 0 {
			memory = size(h.FreeMemory) + " free of " + memory
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\n", o.clean(h.Node), o.clean(h.Address), labels, diskWords(h.Disk), memory, h.Running)
	}
	_ = w.Flush()
}

// printLive says which release is live.
func (o *statusOptions) printLive(s operate.Status, say func(name, format string, args ...any)) {
	if running := adrift(s); running != "" {
		say("release", "the host does not say which is live; %s runs. `stackctl deploy` puts that right, or says what it lacks", running)
	} else if s.Live == "" {
		say("release", "none is live; run `stackctl deploy`")
	} else {
		since := ""
		if !s.Since.IsZero() {
			since = fmt.Sprintf(", live since %s (%s)", moment(s.Since), operate.Age(s.At.Sub(s.Since)))
		}
		say("release", "%s%s", s.Live, since)
		say("", "commit %.12s, deployed by %s", or(o.clean(s.Commit), "unknown"), or(o.clean(s.By), "unknown"))
	}
}

// besideLine returns what runs beside the live release, and what to do.
func besideLine(ids []string) string {
	return "of release " + strings.Join(ids, ", ") + " something runs beside it, as a run left it that was cut off; the next good `stackctl deploy` ends it"
}

// composedLine returns what docker compose has of the project, and what to do.
func composedLine(c operate.Composed) string {
	if len(c.Aside) > 0 {
		return "an adoption was cut off, or is at work: " + strings.Join(c.Aside, ", ") + " waits aside; `stackctl deploy --adopt` goes on"
	}
	return "docker compose started " + strings.Join(c.Running, ", ") + "; `stackctl plan --adopt` tells how that is taken over"
}

// ingressLine returns what the server's ingress does for the project.
func ingressLine(i operate.Ingress) string {
	line := "leads " + strings.Join(i.Hosts, ", ") + " here"
	if i.Problem != "" {
		line = i.Problem + ": nobody reaches the site"
		if i.Node != "" {
			line = "of " + i.Node + " " + line + " there"
		}
	}
	if len(i.Others) > 0 {
		line += "; it is shared with " + strings.Join(i.Others, ", ")
	}
	return line
}

// printLock prints who is at work.
func (o *statusOptions) printLock(s operate.Status, say func(name, format string, args ...any)) {
	switch {
	case s.LockProblem != "":
		say("lock", "%s", o.clean(s.LockProblem))
	case s.Lock != nil:
		say("lock", "%s holds it since %s (run %s)", o.clean(s.Lock.Owner), moment(s.Lock.Since), or(o.clean(s.Lock.Run), "unknown"))
	default:
		say("lock", "nobody holds it")
	}
}

// printBackup prints the newest backup on the host.
func (o *statusOptions) printBackup(s operate.Status, say func(name, format string, args ...any)) {
	switch {
	case s.BackupProblem != "":
		say("last backup", "%s", o.clean(s.BackupProblem))
	case s.Backup == nil:
		say("last backup", "the host has none; `stackctl backup` takes one")
	default:
		say("last backup", "%s, %s (%s ago)", o.clean(s.Backup.Name), size(s.Backup.Bytes), operate.Age(s.At.Sub(s.Backup.At)))
		if s.Backup.Problem != "" {
			say("", "%s", o.clean(s.Backup.Problem))
		}
	}
}

// adrift names the releases of which something runs where the host does not say which
// is live, as after somebody removed the project's folder: the site may well be served.
func adrift(s operate.Status) string {
	if s.Live != "" {
		return ""
	}
	var ids []string
	for _, c := range s.Containers {
		if c.State == "running" && c.Release != "" && !slices.Contains(ids, c.Release) {
			ids = append(ids, c.Release)
		}
	}
	return strings.Join(ids, ", ")
}

func (o *statusOptions) printHealth(s operate.Status) {
	h := s.Health
	words := "nothing serves"
	if adrift(s) != "" {
		words = "not known"
	}
	if h.State != "none" {
		words = fmt.Sprintf("%s: %d of %d services run, %d healthy, %d restarts", h.State, h.Running, h.Services, h.Healthy, h.Restarts)
		if h.Unchecked > 0 {
			words += fmt.Sprintf(", %d without a health check", h.Unchecked)
		}
	}
	fmt.Fprintf(o.out, "%-12s %s\n", "health", words)
	for _, problem := range h.Problems {
		fmt.Fprintf(o.out, "%-12s %s\n", "", o.clean(problem))
	}
	for i, a := range h.Advice {
		fmt.Fprintf(o.out, "%-12s %s\n", []string{"what to do", ""}[min(i, 1)], o.clean(a))
	}
}

// diskWords returns how full the disk is; a part that is not known is left out.
func diskWords(u stack.DiskUse) string {
	words := size(u.Free) + " free"
	switch {
	case u.Free < 0:
		words = "how much is free is not known"
	case u.Total > 0:
		words += fmt.Sprintf(" of %s (%d %% used)", size(u.Total), 100-100*u.Free/u.Total)
	}
	var ours []string
	for _, part := range []struct {
		name  string
		bytes int64
	}{{"images", u.Images}, {"volumes", u.Volumes}, {"files", u.Files}} {
		if part.bytes >= 0 {
			ours = append(ours, part.name+" "+size(part.bytes))
		}
	}
	if len(ours) > 0 {
		words += "; ours: " + strings.Join(ours, ", ")
	}
	return words
}

func (o *statusOptions) printCertificates(s operate.Status) {
	if len(s.Certificates) == 0 {
		return
	}
	w := tabwriter.NewWriter(o.out, 2, 4, 2, ' ', 0)
	fmt.Fprintln(w, "\nCERTIFICATE\tDAYS LEFT\tUNTIL\tISSUER\tPROBLEM")
	for _, c := range s.Certificates {
		days, until := "-", "-"
		if !c.Until.IsZero() {
			days, until = fmt.Sprint(c.DaysLeft), c.Until.Format(time.DateOnly)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", o.clean(c.Host), days, until, or(o.clean(c.Issuer), "-"), or(o.clean(c.Problem), "-"))
	}
	_ = w.Flush()
}

func (o *statusOptions) printContainers(s operate.Status) {
	if len(s.Containers) == 0 {
		return
	}
	names := map[string]string{}
	for _, r := range s.Releases {
		for _, i := range r.Images {
			names[i.ID] = i.Reference
		}
	}
	w := tabwriter.NewWriter(o.out, 2, 4, 2, ' ', 0)
	several := slices.ContainsFunc(s.Containers, func(c operate.Container) bool { return c.Node != "" })
	on := func(node string) string { // a column that one server has no use for
		if !several {
			return ""
		}
		return "\t" + or(node, "-")
	}
	fmt.Fprintln(w, "\nSERVICE"+on("NODE")+"\tLAYER\tRELEASE\tSTATE\tHEALTH\tUP\tRESTARTS\tIMAGE")
	for _, c := range s.Containers {
		up, well := "-", "-" // the health of what does not run is from when it did
		if c.State == "running" {
			up, well = operate.Age(s.At.Sub(c.Started)), c.Health
		}
		image := shortImage(c.Image)
		if name := names[c.ImageID]; name != "" {
			image = name
		}
		state := c.State
		if c.Away {
			state = "away"
		}
		fmt.Fprintf(w, "%s%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", c.Service, on(c.Node), c.Layer, or(c.Release, "-"), state, well, up, c.Restarts, o.clean(image))
	}
	_ = w.Flush()
}

// shortImage is an image as people know it: a reference, or the head of an ID.
func shortImage(image string) string {
	if id, ok := strings.CutPrefix(image, "sha256:"); ok && len(id) > 12 {
		return id[:12]
	}
	return image
}
