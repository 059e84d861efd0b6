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
	"strings"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/infer"
	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

// initial are the flags of init.
type initial struct {
	secrets, yes, force, shared bool
	files, routes               []string
	host, domain, user, policy  string
}

func newInit(o *options) *cobra.Command {
	var n initial
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
		RunE: func(cmd *cobra.Command, _ []string) error {
			if n.secrets {
				return o.makeSecrets()
			}
			return o.initialize(cmd.Context(), n)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&n.secrets, "secrets", false, "make the secret files that are missing")
	f.StringVar(&n.host, "host", "", "the server's `address`")
	f.StringVar(&n.domain, "domain", "", "the site's `name`, such as example.org")
	f.StringVar(&n.user, "user", "", "the `user` that deploys (default deploy)")
	f.BoolVar(&n.shared, "shared", false, "the server has sites of other projects as well (shared: true in the target)")
	f.StringArrayVar(&n.routes, "route", nil, "lead requests to `[HOST[/PATH]=]SERVICE:PORT`; several times for several routes")
	f.StringVar(&n.policy, "policy", string(stack.PolicyStandard), "standard or strict")
	f.StringArrayVarP(&n.files, "file", "f", nil, "a compose `file`, instead of those that Compose would find")
	f.BoolVar(&n.yes, "yes", false, "ask nothing")
	f.BoolVar(&n.force, "force", false, "replace a stackctl.yaml that exists")
	return cmd
}

// initialize surveys the folder, decides, prints and writes.
func (o *options) initialize(ctx context.Context, n initial) error {
	if n.policy != string(stack.PolicyStandard) && n.policy != string(stack.PolicyStrict) {
		return usage2("--policy %s is none of standard, strict", n.policy)
	}
	root, err := filepath.Abs(filepath.Dir(o.file))
	if err != nil {
		return stack.Usage(o.file, 0, err.Error(), "")
	}
	env, err := release.EnvFile(filepath.Join(root, ".env"))
	if err != nil {
		return err
	}
	if err := o.askTarget(&n); err != nil {
		return err
	}
	c, survey, err := o.survey(ctx, root, env, n)
	if err != nil {
		return err
	}
	asked, err := parseRoutes(n.routes, n.domain, survey.Services)
	if err != nil {
		return err
	}
	left := infer.LeftOut(survey.Services)
	layers := infer.Layers(survey.Services, "")
	routing := infer.Routes(survey.Services, layers, n.domain, asked)
	c.Routes, c.Gates.Exposure.Allow = routing.Routes, routing.Allow
	text := config.Write(c)
	for i, s := range survey.Services {
		one := survey.Strategies(c)[s.Name]
		if layers[s.Name].Layer == stack.LayerApp {
			survey.Services[i].Strategy, survey.Services[i].StrategyCause = one.Strategy, one.StrategyCause
		}
	}
	list := decisions(survey, layers, left, routing, or(n.domain, "DOMAIN"))
	if o.output == "json" {
		told := initialized{Project: c.Project, File: o.file, Settings: string(text), Services: list, Variables: survey.Undefined, Literals: survey.Literals}
		return o.initializeForMachines(told, n.force, func() error { return o.writeOthers(root, env, survey, c) })
	}
	o.printDecisions(list, survey, routing)
	if err := o.writeSettings(text, n.force); err != nil {
		return err
	}
	return o.writeOthers(root, env, survey, c)
}

// writeOthers writes what stands beside stackctl.yaml: the example of the variables,
// and the password that routes with a guard ask for.
func (o *options) writeOthers(root string, env map[string]string, survey release.Survey, c stack.Config) error {
	if err := o.writeExample(root, env, survey); err != nil || !edge.Guarded(c.Routes) {
		return err
	}
	return o.makeStaffSecrets()
}

// survey finds the compose files and looks at them.
func (o *options) survey(ctx context.Context, root string, env map[string]string, n initial) (stack.Config, release.Survey, error) {
	files := n.files
	var err error
	if len(files) == 0 {
		if files, err = release.Find(root, env); err != nil {
			return stack.Config{}, release.Survey{}, err
		}
	}
	c := stack.Config{Policy: stack.Policy(n.policy), Project: projectName(filepath.Base(root))}
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
	survey, err := release.Look(ctx, look, n.domain)
	if err != nil {
		return c, survey, err
	}
	for _, name := range []string{survey.Name, env["COMPOSE_PROJECT_NAME"]} {
		if name != "" {
			c.Project = projectName(name)
		}
	}
	c.Compose.Files = files
	if n.host != "" {
		t := stack.Target{Host: n.host, Domain: n.domain, User: n.user, Shared: n.shared}
		if err := config.CheckTarget(c.Project, t); err != nil {
			return c, survey, err
		}
		c.Targets = map[string]stack.Target{"production": t}
	}
	return c, survey, nil
}

// askTarget asks for what no file can say, where a person is there to answer.
func (o *options) askTarget(n *initial) error {
	n.domain = strings.ToLower(strings.TrimSpace(n.domain))
	in, ok := o.in.(*os.File)
	if n.yes || !ok || !term.IsTerminal(in.Fd()) || n.host != "" && n.domain != "" {
		if n.host != "" && n.domain == "" {
			return usage2("--domain is missing: name the site, such as --domain example.org")
		}
		return nil
	}
	lines := bufio.NewReader(io.LimitReader(in, 2000))
	for _, q := range []struct {
		to   *string
		text string
	}{{&n.host, "The server's address (empty: the sandbox): "}, {&n.domain, "The site's name, such as example.org: "}} {
		if *q.to != "" || q.to == &n.domain && n.host == "" {
			continue
		}
		fmt.Fprint(o.errs, q.text)
		answer, err := lines.ReadString('\n')
		if err != nil {
			return stack.Fault(stack.CauseInterrupted, "ask for the target", err, "nothing was written")
		}
		*q.to = strings.TrimSpace(answer)
	}
	n.domain = strings.ToLower(n.domain)
	return nil
}

// writeSettings writes stackctl.yaml, or tells how the one that is there differs.
func (o *options) writeSettings(text []byte, force bool) error {
	there, err := os.ReadFile(filepath.Clean(o.file))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return stack.Usage(o.file, 0, err.Error(), "")
	case bytes.Equal(there, text):
		fmt.Fprintf(o.out, "\n%s is as init would write it\n", o.file)
		return nil
	case !force:
		fmt.Fprintf(o.out, "\n%s would change:\n", o.file)
		for _, line := range changes(string(there), string(text)) {
			fmt.Fprintln(o.out, "  "+line)
		}
		return stack.Usage(o.file, 0, "the file exists already, and nothing was written", "edit it, name another with --config, or let init replace it with --force")
	}
	if err := os.WriteFile(filepath.Clean(o.file), text, 0o644); err != nil {
		return stack.Usage(o.file, 0, err.Error(), "")
	}
	fmt.Fprintf(o.out, "\nwrote %s; next: `stackctl check`\n", o.file)
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

func usage2(format string, args ...any) error {
	return stack.Fault(stack.CauseUsage, "stackctl init", fmt.Errorf(format, args...), "see `stackctl init --help`")
}
