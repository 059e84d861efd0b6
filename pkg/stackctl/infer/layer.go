package infer

import (
	"path"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// Conditions of depends_on.
const (
	completed = "service_completed_successfully"
	healthy   = "service_healthy"
)

// Layers decides the layer of each service and whether it runs once. edge
// names the service that is the edge; empty: none of them.
func Layers(services []Service, edge string) map[string]Decision {
	out := map[string]Decision{}
	for _, s := range services {
		d := Decision{Layer: stack.LayerApp, LayerCause: "changes with every release"}
		switch {
		case s.Said != "":
			d.Layer, d.LayerCause = s.Said, "x-stackctl says so"
		case s.Name == edge && edge != "":
			d.Layer, d.LayerCause = stack.LayerEdge, "traefik.service names it"
		default:
			if cause := keeps(s, services); cause != "" {
				d.Layer, d.LayerCause = stack.LayerData, cause
			}
		}
		d.OneShotCause = runsOnce(s, services)
		d.OneShot = d.OneShotCause != ""
		if d.OneShot && s.Said == "" && d.Layer == stack.LayerData {
			d.Layer, d.LayerCause = stack.LayerApp, "runs to completion with every release"
		}
		out[s.Name] = d
	}
	spread(services, out)
	return out
}

// keeps returns why a service is a store; empty: it is none.
func keeps(s Service, services []Service) string {
	if known, ok := storeOf(s.Image); ok && !client(s) {
		return known.name + " keeps data"
	}
	if known, folder, ok := storeAt(s); ok {
		return "its volume at " + folder + " is where " + known.name + " keeps data"
	}
	if known, port, ok := storePublished(s); ok && !slices.ContainsFunc(portsOf(s), func(p published) bool { _, http := p.http(); return http && !slices.Contains(known.ports, p.target) }) {
		return "it publishes " + strconv.Itoa(port) + ", where " + known.name + " answers"
	}
	if name, ok := namedStore(s, services); ok {
		return "it is named for " + name
	}
	return ""
}

// spread carries the data layer on: to what shares a store's network or
// volumes, and to what nothing but stores uses. Until nothing changes.
func spread(services []Service, out map[string]Decision) {
	for changed := true; changed; {
		changed = false
		for _, s := range services {
			d := out[s.Name]
			if d.Layer != stack.LayerApp || s.Said != "" {
				continue
			}
			cause := sharesStore(s, services, out)
			if cause == "" {
				cause = onlyStoresUse(s, services, out)
			}
			if cause != "" {
				d.Layer, d.LayerCause = stack.LayerData, cause
				out[s.Name] = d
				changed = true
			}
		}
	}
}

// sharesStore says that a service lives in the namespaces of a store, or a
// store in its: Compose makes both in one project.
func sharesStore(s Service, services []Service, out map[string]Decision) string {
	for _, other := range shared(s) {
		if out[other].Layer == stack.LayerData {
			return "shares what " + other + " is in"
		}
	}
	for _, other := range services {
		if out[other.Name].Layer == stack.LayerData && slices.Contains(shared(other), s.Name) {
			return other.Name + " shares what it is in"
		}
	}
	return ""
}

// shared are the services whose network, processes, memory or volumes a
// service takes part in.
func shared(s Service) []string {
	var out []string
	for _, mode := range []string{s.NetworkMode, s.PidMode, s.IpcMode} {
		if name, ok := strings.CutPrefix(mode, "service:"); ok {
			out = append(out, name)
		}
	}
	for _, from := range s.VolumesFrom {
		if name, _, _ := strings.Cut(from, ":"); name != "container" {
			out = append(out, name)
		}
	}
	return out
}

// onlyStoresUse says that everything that waits for a service is a store.
func onlyStoresUse(s Service, services []Service, out map[string]Decision) string {
	var users []string
	for _, other := range services {
		if _, waits := other.DependsOn[s.Name]; !waits {
			continue
		}
		if out[other.Name].Layer != stack.LayerData {
			return ""
		}
		users = append(users, other.Name)
	}
	if len(users) == 0 || len(s.Ports) > 0 && !out[s.Name].OneShot {
		return ""
	}
	sort.Strings(users)
	return "only " + stack.Listed(users) + " needs it"
}

// onceWords are what people name the services that do something and end.
var onceWords = []string{"migrate", "migration", "migrations", "migrator", "init", "setup", "seed", "seeder", "bootstrap",
	"createbuckets", "createbucket", "create-bucket", "create-buckets", "create-topics", "install", "installer", "collectstatic", "permissions"}

// runsOnce returns why a service runs to completion; empty: it goes on.
func runsOnce(s Service, services []Service) string {
	if s.SaidOnce {
		return "x-stackctl says so"
	}
	lasting := false
	for _, other := range services {
		switch other.DependsOn[s.Name] {
		case completed:
			return other.Name + " waits until it has completed"
		case healthy:
			lasting = true
		}
	}
	_, kept := storeOf(s.Image)
	checked := s.Healthcheck != nil && !s.Healthcheck.Disabled
	switch {
	case len(s.Ports) > 0, s.Restart != "" && s.Restart != "no" && !strings.HasPrefix(s.Restart, "on-failure"):
		return ""
	case kept && setsUp(s): // what waits for its health goes on while it works
		return "it sets up a store and ends"
	case kept && !client(s), lasting, checked:
		return ""
	}
	if names([]string{"minio/mc"}, Repository(s.Image)) {
		return "the MinIO client does something and ends"
	}
	if kept && client(s) && !strings.Contains(commandText(s), "while ") {
		return "its command does something to a store and ends"
	}
	if ends(s) {
		return "its command does something and ends, and nothing starts it again"
	}
	for _, word := range words(s.Name) {
		if slices.Contains(onceWords, word) {
			return "it is named for something that ends, and nothing starts it again"
		}
	}
	if slices.Contains(onceWords, strings.ToLower(s.Name)) {
		return "it is named for something that ends, and nothing starts it again"
	}
	if s.NotRestarted && !kept && !serves(s) && !lasts(s) && !waitedFor(s.Name, services) {
		return "the file says that nothing restarts it, and nothing waits for it"
	}
	return ""
}

// serves reports whether a service answers others, by what the file says.
func serves(s Service) bool { return len(s.Expose) > 0 || len(labelledRoutes(s)) > 0 }

// waitedFor reports whether another service is started after one.
func waitedFor(name string, services []Service) bool {
	return slices.ContainsFunc(services, func(other Service) bool { _, waits := other.DependsOn[name]; return waits })
}

// endingTools are programs that do one thing and end.
var endingTools = []string{"cp", "mv", "mkdir", "chown", "chmod", "ln", "rm", "touch", "rsync", "tar", "unzip", "echo", "true", "sleep", "wait-for-it.sh", "wait-for", "dockerize"}

// migrations are commands of frameworks that bring a database or its files to a
// release.
var migrations = regexp.MustCompile(`manage\.py (?:migrate|collectstatic|loaddata|createsuperuser)|\bprisma (?:migrate deploy|db push|db seed)|\balembic upgrade|\bartisan (?:migrate|db:seed)|\bdb:(?:migrate|seed|setup|prepare)|\bmigrate:(?:latest|up)|\bmigration:run|\bflyway .*migrate|\bliquibase .*update|\bgoose .*up\b`)

// builds are commands that get a program's parts, or make its files, and end.
var (
	builds  = regexp.MustCompile(`^(?:(?:npm|pnpm|yarn|bun) (?:ci|i|install|(?:run )?build(?::\S+)?)|composer (?:install|update|dump-autoload)|bundle (?:install|exec (?:rails|rake) assets:precompile)|pip3? install)(?:\s|$)`)
	watches = regexp.MustCompile(`\s(?:--watch|-w)(?:\s|=|$)`)
)

// clients are programs that ask a store for something and end, servers those
// that are the store: a command with both is the store's.
var (
	clients = regexp.MustCompile(`(?:^|[;&|(]\s*|-c\s+["']?|\s--\s+|\b(?:exec|until|while|if|do|then|else)\s+!?\s*)(?:/\S*/)?(?:mongosh|mongo|mongodump|mongorestore|mongoimport|psql|pg_dump|pg_dumpall|pg_restore|createdb|mysql|mysqldump|mysqladmin|mariadb|mariadb-dump|redis-cli|valkey-cli|kafka-topics(?:\.sh)?|clickhouse-client|cqlsh|influx|etcdctl|rabbitmqadmin)(?:\s|$)`)
	servers = regexp.MustCompile(`mongod\b|mongos\b|mysqld(?:_safe|_multi)?\b|mariadbd|redis-server|valkey-server|kafka-server-start|clickhouse-server|influxd|rabbitmq-server|entrypoint|(?:^|[;&|("'/]\s*|-c\s+|exec\s+)(?:postgres|etcd)(?:\s|$)`)
)

// commandText is what a service runs, in one line.
func commandText(s Service) string { return strings.Join(slices.Concat(s.Entrypoint, s.Command), " ") }

// client reports whether a service of a store's image is no store: it runs the
// store's client against another one, and keeps nothing.
func client(s Service) bool {
	if _, _, keeps := storeAt(s); keeps {
		return false
	}
	text := commandText(s)
	return clients.MatchString(text) && !servers.MatchString(text)
}

// setsUp reports whether a service of a store's image only prepares it: it has a
// command of its own, is named for that, and keeps nothing.
func setsUp(s Service) bool {
	text := commandText(s)
	if _, _, keeps := storeAt(s); keeps || text == "" || strings.HasPrefix(text, "-") || servers.MatchString(text) {
		return false
	}
	return slices.ContainsFunc(words(s.Name), func(word string) bool { return slices.Contains(onceWords, word) })
}

// shellText is what a service runs, without the shell that runs it.
func shellText(s Service) string {
	words := slices.Concat(s.Entrypoint, s.Command)
	if len(words) > 2 && slices.Contains([]string{"sh", "bash", "ash"}, path.Base(words[0])) && strings.HasPrefix(words[1], "-") && strings.HasSuffix(words[1], "c") {
		return words[2]
	}
	return strings.Join(words, " ")
}

// every reports whether each part of a shell's text is of one kind.
func every(text string, is func(part string) bool) bool {
	parts := strings.FieldsFunc(text, func(r rune) bool { return r == '&' || r == ';' || r == '\n' || r == '|' })
	return strings.TrimSpace(text) != "" && !slices.ContainsFunc(parts, func(part string) bool {
		part = strings.TrimSpace(part)
		return part != "" && !is(part)
	})
}

// ends reports whether every part of a service's command is something that ends.
func ends(s Service) bool {
	text := shellText(s)
	if names([]string{"composer"}, Repository(s.Image)) && text != "" && !strings.HasPrefix(text, "composer ") {
		text = "composer " + text // its entrypoint
	}
	return every(text, func(part string) bool {
		tool, _, _ := strings.Cut(part, " ")
		return builds.MatchString(part) && !watches.MatchString(part) || !strings.HasPrefix(part, "sleep inf") && (slices.Contains(endingTools, path.Base(tool)) || migrations.MatchString(part))
	})
}
