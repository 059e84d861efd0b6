package stack

import (
	"slices"
	"time"
)

// Config is stackctl.yaml, decoded once. Every path in it is absolute.
type Config struct {
	// File is the stackctl.yaml that this came from.
	File string `mapstructure:"-"`
	// Root is the folder of File; paths in the file are relative to it.
	Root string `mapstructure:"-"`

	Project string `mapstructure:"project"`
	// Policy decides what findings of level strict do; empty in the file means PolicyStrict.
	Policy  Policy  `mapstructure:"policy"`
	Compose Compose `mapstructure:"compose"`
	Traefik Traefik `mapstructure:"traefik"`
	// Routes are what stackctl's own edge serves, where Traefik names no edge of the project's.
	Routes   []RouteSpec `mapstructure:"routes"`
	Contract Contract    `mapstructure:"contract"`
	Images   Images      `mapstructure:"images"`
	// Target names the target that is used where no --target is given.
	Target     string            `mapstructure:"target"`
	Targets    map[string]Target `mapstructure:"targets"`
	Gates      Gates             `mapstructure:"gates"`
	Exceptions []Exception       `mapstructure:"exceptions"`
	Evidence   Evidence          `mapstructure:"evidence"`
	Retention  Retention         `mapstructure:"retention"`
	Timeouts   Timeouts          `mapstructure:"timeouts"`
	Backup     Backup            `mapstructure:"backup"`
	// Secrets are where values are kept that compose files call secrets, or variables.
	Secrets map[string]SecretSource `mapstructure:"secrets"`
	Age     Age                     `mapstructure:"age"`
	// Hooks run at named points of a deploy, those of one point in their order here.
	Hooks []Hook `mapstructure:"hooks"`
	// Notices are the ways in which people are told that a verdict has changed.
	Notices []NoticeSpec `mapstructure:"notices"`
}

// Compose is which files make the stack.
type Compose struct {
	Files []string `mapstructure:"files"`
	// EnvFile holds the values of the variables in Files. It may be absent
	// when every variable has a default.
	EnvFile string `mapstructure:"env_file"`
	// EnvExample documents every variable (gate G9 keeps it complete).
	EnvExample string   `mapstructure:"env_example"`
	Profiles   []string `mapstructure:"profiles"`
	// Env are the variables of the command line (--env); they win over all others.
	Env map[string]string `mapstructure:"-"`
}

// Deploys reports whether a service of these profiles is deployed: one without any
// is, one of a chosen profile, and where none is chosen one of the profile "", as
// Compose has it.
func (c Compose) Deploys(profiles []string) bool {
	if len(profiles) == 0 || len(c.Profiles) == 0 && slices.Contains(profiles, "") {
		return true
	}
	return slices.ContainsFunc(c.Profiles, func(chosen string) bool { return chosen == "*" || slices.Contains(profiles, chosen) })
}

// Traefik is where the edge's files are and how its inside API is reached.
type Traefik struct {
	// Service is the compose service that is the edge.
	Service string `mapstructure:"service"`
	Static  string `mapstructure:"static"`
	// Dynamic is the folder of the file provider.
	Dynamic string `mapstructure:"dynamic"`
	// APIPort is the container port of the inside entry point that serves
	// Traefik's API; it is never published.
	APIPort int `mapstructure:"api_port"`
	// Staff are the credentials of the guarded hosts; gate G8 tries them.
	Staff Credentials `mapstructure:"staff"`
	// Resolver is the only certificates resolver that may be used.
	Resolver string `mapstructure:"resolver"`
	// Own reports whether the file names no edge: the edge is stackctl's own, made of
	// Config.Routes. Service, Static and Dynamic are then what stackctl calls them.
	Own bool `mapstructure:"-"`
}

// Credentials are a user name and a file that holds the password.
type Credentials struct {
	User         string `mapstructure:"user"`
	PasswordFile string `mapstructure:"password_file"`
}

// Contract is where the API contract is and how the running one is read.
type Contract struct {
	// File is the committed OpenAPI document.
	File string `mapstructure:"file"`
	// Service and Command print the contract that an image carries, for
	// targets in production mode, where the API does not serve it.
	Service string   `mapstructure:"service"`
	Command []string `mapstructure:"command"`
	// Prefix is the path under which the edge serves the API, such as /api.
	Prefix string `mapstructure:"prefix"`
}

// Images is where images come from that the host lacks.
type Images struct {
	// Archives is a folder of `docker save`-shaped tar files. An image that
	// is in none of them is pulled by the host.
	Archives string `mapstructure:"archives"`
}

// Gates are the settings of the gates.
type Gates struct {
	Health   []HealthEndpoint `mapstructure:"health"`
	Auth     AuthGate         `mapstructure:"auth"`
	Schema   CommandGate      `mapstructure:"schema"`
	Jobs     JobsGate         `mapstructure:"jobs"`
	Exposure ExposureGate     `mapstructure:"exposure"`
	Headers  HeadersGate      `mapstructure:"headers"`
	Compose  ComposeGate      `mapstructure:"compose"`
	// Require lists gates, such as G2, that fail where they would be skipped.
	Require []string `mapstructure:"require"`
	// Own are the gates that the project adds itself.
	Own []OwnGate `mapstructure:"own"`
}

// HealthEndpoint is one endpoint that gate G3 samples.
type HealthEndpoint struct {
	// Host is a prefix of the domain ("" is the site itself, "www") or, with a
	// dot in it, a whole host name.
	Host string `mapstructure:"host"`
	Path string `mapstructure:"path"`
	// Reachable reports whether any answer below 500 is good: what a route answers
	// at its root is the application's to choose, a page, a login or nothing.
	Reachable bool `mapstructure:"-"`
	// Scheme is how the service itself answers, as in RouteSpec.
	Scheme string `mapstructure:"-"`
	// Samples is how many requests are made.
	Samples int `mapstructure:"samples"`
	// P95 is the 95th percentile that must not be passed.
	P95 time.Duration `mapstructure:"p95"`
	// Release is the JSON member that must equal the release ID; empty: the
	// answer carries none.
	Release string `mapstructure:"release"`
	// Status is the JSON member that must equal "ok"; empty: not judged.
	Status string `mapstructure:"status"`
	// Dependencies are the members that must be named under "checks".
	Dependencies []string `mapstructure:"dependencies"`
}

// AuthGate names the API paths that gate G4 walks, without the API prefix.
type AuthGate struct {
	SignUp  string `mapstructure:"sign_up"`
	Login   string `mapstructure:"login"`
	Logout  string `mapstructure:"logout"`
	CSRF    string `mapstructure:"csrf"`
	Me      string `mapstructure:"me"`
	Cookie  string `mapstructure:"cookie"`
	Header  string `mapstructure:"header"`
	Delete  string `mapstructure:"delete"`
	OAuth   string `mapstructure:"oauth"`
	Guarded string `mapstructure:"guarded"`
	// Attempts is how many wrong logins for one account may be made before
	// one must be refused with 429; 0 means 200, below 0 is not judged.
	Attempts int `mapstructure:"attempts"`
	// Cleanup removes an account that the gate made, where Delete is empty;
	// the word {email} is replaced.
	Cleanup CommandGate `mapstructure:"cleanup"`
}

// CommandGate is a command in a service's container that judges and prints JSON.
type CommandGate struct {
	Service string   `mapstructure:"service"`
	Command []string `mapstructure:"command"`
}

// JobsGate is how gate G7 enqueues a job and reads its result. In Command
// the word {nonce} is replaced.
type JobsGate struct {
	Service string        `mapstructure:"service"`
	Command []string      `mapstructure:"command"`
	Timeout time.Duration `mapstructure:"timeout"`
	// Scheduler and Dashboard are the services beside the worker; empty: the
	// project has none.
	Scheduler string `mapstructure:"scheduler"`
	Dashboard string `mapstructure:"dashboard"`
}

// HeadersGate tells gate G8 what the routes alone do not.
type HeadersGate struct {
	// Staff are the first labels of host names that are for staff only:
	// "admin" means admin.example.org.
	Staff []string `mapstructure:"staff"`
}

// ComposeGate is what a project demands of its compose files beside what every
// project should.
type ComposeGate struct {
	// Docs is a page with a table of all services, relative to the project's
	// root; empty: there is none.
	Docs string `mapstructure:"docs"`
	// Networks must be defined.
	Networks []string `mapstructure:"networks"`
}

// ExposureGate lists the TCP ports that may be reached from outside.
type ExposureGate struct {
	Allow []int `mapstructure:"allow"`
}

// Exception accepts one finding until a date.
type Exception struct {
	// Rule is the ID of the one rule that it excuses.
	Rule string `mapstructure:"rule" json:"rule"`
	// Subject is compared with the finding's, exactly.
	Subject string `mapstructure:"subject" json:"subject"`
	Owner   string `mapstructure:"owner" json:"owner"`
	Reason  string `mapstructure:"reason" json:"reason"`
	Expires string `mapstructure:"expires" json:"expires"`
	// Gate and Match are an older form, which is refused with the line to write instead.
	Gate  string `mapstructure:"gate" json:"-"`
	Match string `mapstructure:"match" json:"-"`
	// Line is where it stands.
	Line int `mapstructure:"-" json:"-"`
}

// Evidence is where runs are kept and what signs them.
type Evidence struct {
	// Dir is the folder that holds one folder per run.
	Dir string `mapstructure:"dir"`
	// URL is where what is in Dir is published; notices link to it. Empty: it is not.
	URL string `mapstructure:"url"`
	// Key is a PEM file with an ed25519 private key (PKCS #8); empty: the run is not signed.
	Key string `mapstructure:"key"`
}

// Timeouts is how long a deploy waits for what the project's own programs do.
type Timeouts struct {
	// Start is for the services of one layer to be ready.
	Start time.Duration `mapstructure:"start"`
	// Migrate is for one service with `run: once`. What serves goes on meanwhile.
	Migrate time.Duration `mapstructure:"migrate"`
	// Drain is how long a release goes on serving after the edge has turned
	// away from it, for requests whose bodies are still on their way.
	Drain time.Duration `mapstructure:"drain"`
	// Hold is how long stackctl's own edge lets a request wait for a service that
	// is recreated.
	Hold time.Duration `mapstructure:"hold"`
}

// Retention is how much stays on the host.
type Retention struct {
	// Releases is how many good releases are kept, the live one included.
	Releases int `mapstructure:"releases"`
}

// Backup is what is backed up, how, and for whom it is encrypted.
// In the commands the words {user}, {database} and {snapshot} are replaced.
type Backup struct {
	// Service is the one data service that is backed up; empty: every place that
	// is found in the compose files.
	Service string `mapstructure:"service"`
	// User and Database are what the service's container says
	// (POSTGRES_USER, POSTGRES_DB) where they are empty.
	User     string `mapstructure:"user"`
	Database string `mapstructure:"database"`
	// Command writes a dump to its output, Restore reads one from its input,
	// List reads one and prints its table of contents; List may be empty.
	Command []string `mapstructure:"command"`
	Restore []string `mapstructure:"restore"`
	List    []string `mapstructure:"list"`
	// Recipients are age public keys; with none, the public half of Identity.
	Recipients []string `mapstructure:"recipients"`
	// Identity is a file with the age private key. It never goes to a server.
	Identity string `mapstructure:"identity"`
	// Dir is where backups are kept on the operator's side.
	Dir string `mapstructure:"dir"`
	// Keep is how many backups of each place stay, on the host and in Dir.
	Keep int `mapstructure:"keep"`
	// Places say otherwise than what is found in the compose files.
	Places []BackupPlace `mapstructure:"places"`
}

// BackupPlace is how one place is backed up, where what is found in the
// compose files is not what is wanted.
type BackupPlace struct {
	// Name is that of a service that is a store, of a volume, or of a folder.
	Name string `mapstructure:"name"`
	// As is postgresql, mysql, redis, files or none.
	As string `mapstructure:"as"`
	// While is what the services that write to files do while these are copied:
	// running, paused or stopped.
	While string `mapstructure:"while"`
	// User and Database are whose database it is, and which.
	User     string `mapstructure:"user"`
	Database string `mapstructure:"database"`
	// PasswordFile is a file in the container that holds the user's password.
	PasswordFile string `mapstructure:"password_file"`
	// Line is where stackctl.yaml names it.
	Line int `mapstructure:"-"`
}
