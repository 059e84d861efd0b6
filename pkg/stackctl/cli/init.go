package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/infer"
	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

// initOptions are the flags of init, and what it needs.
type initOptions struct {
	*printer
	in      io.Reader
	project *project

	secrets, yes, force, shared bool
	files, routes               []string
	host, domain, user, policy  string
}

func newInit(s *session, run func(context.Context, *initOptions) error) *cobra.Command {
	o := &initOptions{printer: s.printer, in: s.in, project: s.project}
	cmd := &cobra.Command{
		Use: "init", Args: cobra.NoArgs,
		Short: "Write stackctl.yaml for the compose file in this folder, or with --secrets the secrets that are missing",
		Long: `init reads the compose file in this folder and writes a short stackctl.yaml for
it. It prints one line per service: its layer, how a release replaces it, its
route, and why. It changes no file that is there: a stackctl.yaml that exists is
compared with what init would write, and replaced with --force alone. Where labels
ask who comes, it makes the staff's password as well.

Without a terminal it asks nothing. On one it asks for the server and its domain
where no flag names them and --yes is not given.

With --secrets it makes every secret file that the compose files name and that
does not exist: random values, readable by you alone; and the key that backups
are encrypted to. It never overwrites anything.`,
		Example: "  stackctl init --host 203.0.113.7 --domain example.org\n  stackctl init --host 203.0.113.7 --domain example.org --route web:8080 --route api=api:3000 --yes\n  stackctl init --secrets",
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.BoolVar(&o.secrets, "secrets", false, "make the secret files that are missing")
	f.StringVar(&o.host, "host", "", "the server's `address`")
	f.StringVar(&o.domain, "domain", "", "the site's `name`, such as example.org")
	f.StringVar(&o.user, "user", "", "the `user` that deploys (default deploy)")
	f.BoolVar(&o.shared, "shared", true, "let sites share the server's web ports, and replace the edge without a break (shared: true in the target)")
	f.StringArrayVar(&o.routes, "route", nil, "lead requests to `[HOST[/PATH]=]SERVICE:PORT`; several times for several routes")
	f.StringVar(&o.policy, "policy", string(stack.PolicyStandard), "standard or strict")
	f.StringArrayVarP(&o.files, "file", "f", nil, "a compose `file`, instead of those that Compose would find")
	f.BoolVar(&o.yes, "yes", false, "ask nothing")
	f.BoolVar(&o.force, "force", false, "replace a stackctl.yaml that exists")
	return cmd
}

func runInit(ctx context.Context, o *initOptions) error {
	if o.secrets {
		return o.makeSecrets()
	}
	return o.initialize(ctx)
}

// initialize surveys the folder, decides, prints and writes.
func (o *initOptions) initialize(ctx context.Context) error {
	if o.policy != string(stack.PolicyStandard) && o.policy != string(stack.PolicyStrict) {
		return usageOf("stackctl init", fmt.Errorf("--policy %s is none of standard, strict", o.policy))
	}
	root, err := filepath.Abs(filepath.Dir(o.project.file))
	if err != nil {
		return stack.Usage(o.project.file, 0, err.Error(), "")
	}
	env, err := release.EnvFile(filepath.Join(root, ".env"))
	if err != nil {
		return err
	}
	if err := o.askTarget(); err != nil {
		return err
	}
	c, survey, err := o.survey(ctx, root, env)
	if err != nil {
		return err
	}
	asked, err := parseRoutes(o.routes, o.domain, survey.Services)
	if err != nil {
		return err
	}
	for i, s := range survey.Services {
		survey.Services[i].Routed = slices.ContainsFunc(asked, func(r stack.RouteSpec) bool { return r.Service == s.Name })
	}
	left := infer.LeftOut(survey.Services)
	layers := infer.Layers(survey.Services, "")
	routing := infer.Routes(survey.Services, layers, o.domain, asked)
	c.Routes, c.Gates.Exposure.Allow = routing.Routes, routing.Allow
	o.share(c)
	text := config.Write(c)
	for i, s := range survey.Services {
		one := survey.Strategies(c)[s.Name]
		if layers[s.Name].Layer == stack.LayerApp {
			survey.Services[i].Strategy, survey.Services[i].StrategyCause = one.Strategy, one.StrategyCause
		}
	}
	list := decisions(survey, layers, left, routing, or(o.domain, "DOMAIN"))
	if o.output == "json" {
		told := initialized{Project: c.Project, File: o.project.file, Settings: string(text), Services: list, Variables: survey.Undefined, Literals: survey.Literals}
		return o.initializeForMachines(told, func(o *initOptions) error { return o.writeOthers(root, env, survey, c) })
	}
	o.printDecisions(list, survey, routing)
	if err := o.writeSettings(text); err != nil {
		return err
	}
	return o.writeOthers(root, env, survey, c)
}

// share puts the targets' edge behind their server's ingress, unless that is not
// wanted. A project without an edge has nothing to put there.
func (o *initOptions) share(c stack.Config) {
	for name, t := range c.Targets {
		t.Shared = o.shared && len(c.Routes) > 0
		c.Targets[name] = t
	}
}

// writeOthers writes what stands beside stackctl.yaml: the example of the variables,
// and the password that routes with a guard ask for.
func (o *initOptions) writeOthers(root string, env map[string]string, survey release.Survey, c stack.Config) error {
	if err := o.writeExample(root, env, survey); err != nil || !edge.Guarded(c.Routes) {
		return err
	}
	return o.makeStaffSecrets()
}

// survey finds the compose files and looks at them.
func (o *initOptions) survey(ctx context.Context, root string, env map[string]string) (stack.Config, release.Survey, error) {
	files := o.files
	var err error
	if len(files) == 0 {
		if files, err = release.Find(root, env); err != nil {
			return stack.Config{}, release.Survey{}, err
		}
	}
	c := stack.Config{Policy: stack.Policy(o.policy), Project: projectName(filepath.Base(root))}
	look := c
	for _, f := range files {
		if !filepath.IsAbs(f) {
			f = filepath.Join(root, f)
		}
		look.Compose.Files = append(look.Compose.Files, f)
	}
	for p := range strings.SplitSeq(env["COMPOSE_PROFILES"], ",") {
		if p = strings.TrimSpace(p); p != "" {
			c.Compose.Profiles = append(c.Compose.Profiles, p)
		}
	}
	look.Compose.Profiles = c.Compose.Profiles
	look.Compose.EnvFile, look.Root = filepath.Join(root, ".env"), root
	survey, err := release.Look(ctx, look, o.domain)
	if err != nil {
		return c, survey, err
	}
	for _, name := range []string{survey.Name, env["COMPOSE_PROJECT_NAME"]} {
		if name != "" {
			c.Project = projectName(name)
		}
	}
	c.Compose.Files = files
	if o.host != "" {
		t := stack.Target{Host: o.host, Domain: o.domain, User: o.user}
		if err := config.CheckTarget(c.Project, t); err != nil {
			return c, survey, err
		}
		c.Targets = map[string]stack.Target{"production": t}
	}
	return c, survey, nil
}

// askTarget asks for what no file can say, where a person is there to answer.
func (o *initOptions) askTarget() error {
	o.domain = strings.ToLower(strings.TrimSpace(o.domain))
	in, ok := terminalOf(o.in)
	if o.yes || !ok || o.host != "" && o.domain != "" {
		if o.host != "" && o.domain == "" {
			return usageOf("stackctl init", errors.New("--domain is missing: name the site, such as --domain example.org"))
		}
		return nil
	}
	lines := bufio.NewReader(io.LimitReader(in, 2000))
	for _, q := range []struct {
		to   *string
		text string
	}{{&o.host, "The server's address (empty: the sandbox): "}, {&o.domain, "The site's name, such as example.org: "}} {
		if *q.to != "" || q.to == &o.domain && o.host == "" {
			continue
		}
		fmt.Fprint(o.errs, q.text)
		answer, err := lines.ReadString('\n')
		if err != nil {
			return stack.Fault(stack.CauseInterrupted, "ask for the target", err, "nothing was written")
		}
		*q.to = strings.TrimSpace(answer)
	}
	o.domain = strings.ToLower(o.domain)
	return nil
}

// writeSettings writes stackctl.yaml, or tells how the one that is there differs.
func (o *initOptions) writeSettings(text []byte) error {
	there, err := os.ReadFile(filepath.Clean(o.project.file))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return stack.Usage(o.project.file, 0, err.Error(), "")
	case bytes.Equal(there, text):
		fmt.Fprintf(o.out, "\n%s is as init would write it\n", o.project.file)
		return nil
	case !o.force:
		fmt.Fprintf(o.out, "\n%s would change:\n", o.project.file)
		for _, line := range changes(string(there), string(text)) {
			fmt.Fprintln(o.out, "  "+line)
		}
		return stack.Usage(o.project.file, 0, "the file exists already, and nothing was written", "edit it, name another with --config, or let init replace it with --force")
	}
	if err := os.WriteFile(filepath.Clean(o.project.file), text, 0o644); err != nil {
		return stack.Usage(o.project.file, 0, err.Error(), "")
	}
	fmt.Fprintf(o.out, "\nwrote %s; next: `stackctl check`\n", o.project.file)
	return nil
}

// changes are the lines that go and come between two texts.
func changes(old, now string) []string {
	var out []string
	before, after := strings.Split(strings.TrimSpace(old), "\n"), strings.Split(strings.TrimSpace(now), "\n")
	count := map[string]int{}
	for _, l := range after {
		count[l]++
	}
	for _, l := range before {
		if count[l]--; count[l] < 0 {
			out = append(out, "- "+l)
		}
	}
	count = map[string]int{}
	for _, l := range before {
		count[l]++
	}
	for _, l := range after {
		if count[l]--; count[l] < 0 {
			out = append(out, "+ "+l)
		}
	}
	return out
}

// projectName makes a folder's name fit to be a project's.
func projectName(folder string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, strings.ToLower(folder))
	if name = strings.Trim(name, "-_"); name == "" {
		return "site"
	}
	return strings.TrimRight(name[:min(len(name), 40)], "-_")
}
