package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/secret"
	"stackctl/pkg/stackctl/stack"
)

func newSecrets(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "secrets", Short: "List, edit and rotate the secrets of the project",
		Long: `secrets acts on where values are kept: files, files encrypted with age, and what
stackctl.yaml has under secrets. Servers get a new value with the next deploy. No
value is ever shown.`}
	var check bool
	list := &cobra.Command{
		Use: "list", Args: cobra.NoArgs, Short: "List the secrets: where each is kept and who gets it",
		Example: "  stackctl secrets list\n  stackctl secrets list --check",
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.listSecrets(cmd.Context(), check) },
	}
	list.Flags().BoolVar(&check, "check", false, "read each of them: commands run, keys are asked for")
	edit := &cobra.Command{
		Use: "edit NAME", Args: cobra.ExactArgs(1), Short: "Change a secret in $EDITOR, or take its value from the input",
		Example:           "  stackctl secrets edit api_key\n  printf %s \"$NEW\" | stackctl secrets edit api_key",
		ValidArgsFunction: o.completeSecrets,
		RunE:              func(cmd *cobra.Command, args []string) error { return o.editSecret(cmd.Context(), args[0]) },
	}
	var anyway bool
	rotate := &cobra.Command{
		Use: "rotate NAME", Args: cobra.ExactArgs(1), Short: "Replace a secret by a new random one",
		Long: `rotate makes a new random value. Where stackctl.yaml names a secret under
previous, the value before goes there: services that take both lose nobody. A
secret of a store is refused: the store keeps its password in its data.`,
		Example:           "  stackctl secrets rotate app_secret\n  stackctl secrets rotate db_password --anyway",
		ValidArgsFunction: o.completeSecrets,
		RunE:              func(cmd *cobra.Command, args []string) error { return o.rotateSecret(cmd.Context(), args[0], anyway) },
	}
	rotate.Flags().BoolVar(&anyway, "anyway", false, "also where a store has it in its data, and must be told by hand")
	cmd.AddCommand(list, edit, rotate)
	return cmd
}

// secretUses lists the secrets of the project, for its first target where the
// file has several.
func (o *options) secretUses(ctx context.Context) (stack.Config, []release.SecretUse, error) {
	c, t, err := o.load()
	if err != nil {
		return c, nil, err
	}
	uses, err := release.SecretUses(ctx, c, t)
	return c, uses, err
}

func (o *options) completeSecrets(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	if _, uses, err := o.secretUses(cmd.Context()); err == nil && len(args) == 0 {
		for _, u := range uses {
			names = append(names, u.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// listedSecret is one secret, for machines.
type listedSecret struct {
	Name     string   `json:"name"`
	From     string   `json:"from"`
	Services []string `json:"services"`
	Variable bool     `json:"variable"`
	// State is empty where nobody looked: "there", "missing", or why it cannot be read.
	State string `json:"state,omitempty"`
}

func (o *options) listSecrets(ctx context.Context, check bool) error {
	c, uses, err := o.secretUses(ctx)
	if err != nil {
		return err
	}
	from := secretReader(c)
	list, failed := make([]listedSecret, 0, len(uses)), []string{}
	for _, u := range uses {
		one := listedSecret{Name: u.Name, From: source(u), Services: slices.Sorted(maps.Keys(u.Services)), Variable: u.Variable, State: stateOf(u.Source)}
		if has := u.Source.From() != "file "; check && has {
			if _, err := from.Read(ctx, u.Name, u.Source); err != nil {
				one.State, _ = stack.Explain(err)
				failed = append(failed, u.Name)
			} else {
				one.State = "there"
			}
		}
		list = append(list, one)
	}
	if o.output == "json" {
		err = o.json(list)
	} else {
		err = o.printSecrets(list)
	}
	if len(failed) > 0 && err == nil {
		err = stack.Fault(stack.CauseUsage, "read the secrets", errors.New("not read: "+strings.Join(failed, ", ")), "`stackctl secrets list --check` shows why")
	}
	return err
}

func source(u release.SecretUse) string {
	if from := u.Source.From(); from != "file " {
		return from
	}
	return "variable"
}

// stateOf looks at a file without reading it.
func stateOf(s stack.SecretSource) string {
	for _, file := range []string{s.File, s.Age, s.SOPS} {
		if file == "" {
			continue
		}
		if _, err := os.Stat(file); err != nil {
			return "missing"
		}
		return "there"
	}
	return ""
}

func (o *options) printSecrets(list []listedSecret) error {
	w := tabwriter.NewWriter(o.out, 2, 4, 2, ' ', 0)
	fmt.Fprintln(w, "SECRET\tFROM\tUSED BY\tSTATE")
	for _, s := range list {
		by := s.Services
		if s.Variable {
			by = append(by, "(variable)")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.Name, redact.Printable(s.From), or(strings.Join(by, ", "), "nobody"), or(redact.Printable(s.State), "-"))
	}
	return w.Flush()
}

// secretNamed finds a secret that can be written.
func (o *options) secretNamed(ctx context.Context, name string) (stack.Config, release.SecretUse, error) {
	c, uses, err := o.secretUses(ctx)
	if err != nil {
		return c, release.SecretUse{}, err
	}
	for _, u := range uses {
		if u.Name != name {
			continue
		}
		if u.Source.From() == "file " {
			return c, u, stack.Usage(c.File, 0, "secret "+name+" is the value of a variable", "change it where the variable is set")
		}
		return c, u, nil
	}
	return c, release.SecretUse{}, stack.Usage(c.File, 0, fmt.Sprintf("there is no secret %q", name), "see `stackctl secrets list`")
}

func (o *options) editSecret(ctx context.Context, name string) error {
	c, use, err := o.secretNamed(ctx, name)
	if err != nil {
		return err
	}
	to := secretReader(c)
	var value []byte
	if in, is := o.in.(*os.File); is && term.IsTerminal(in.Fd()) {
		old, err := to.Read(ctx, name, use.Source)
		if err != nil && stateOf(use.Source) != "missing" {
			return err
		}
		if value, err = o.inEditor(ctx, name, old); err != nil {
			return err
		}
		if string(value) == string(old) {
			fmt.Fprintln(o.out, "nothing was changed")
			return nil
		}
	} else if value, err = io.ReadAll(io.LimitReader(o.in, secret.Most+1)); err != nil {
		return stack.Fault(stack.CauseUsage, "read the new value from the input", err, "")
	}
	if short := redact.TooShort(map[string]string{name: strings.TrimSpace(string(value))}); len(short) > 0 {
		return stack.Usage(c.File, use.Source.Line, "the new value of "+name+" is too short or too common to be kept out of logs", "choose a longer one")
	}
	if err := to.Write(name, use.Source, value); err != nil {
		return err
	}
	return o.changed(use, "changed")
}

// inEditor lets the operator's editor change a value, in a file that nobody
// else can read, in memory where the machine has a place for that.
func (o *options) inEditor(ctx context.Context, name string, old []byte) ([]byte, error) {
	editor := or(os.Getenv("VISUAL"), or(os.Getenv("EDITOR"), map[bool]string{true: "notepad", false: "vi"}[runtime.GOOS == "windows"]))
	in := ""
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		in = "/dev/shm"
	}
	dir, err := os.MkdirTemp(in, "stackctl-")
	if err != nil {
		return nil, stack.Fault(stack.CauseStep, "make a file to edit", err, "")
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, old, 0o600); err != nil {
		return nil, stack.Fault(stack.CauseStep, "make a file to edit", err, "")
	}
	words := strings.Fields(editor)
	cmd := exec.CommandContext(ctx, words[0], append(words[1:], file)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = o.in, o.out, o.errs
	if err := cmd.Run(); err != nil {
		return nil, stack.Fault(stack.CauseStep, "run the editor "+words[0], err, "set EDITOR; nothing was changed")
	}
	return os.ReadFile(filepath.Clean(file))
}

func (o *options) rotateSecret(ctx context.Context, name string, anyway bool) error {
	c, use, err := o.secretNamed(ctx, name)
	if err != nil {
		return err
	}
	if store := storesOf(use); len(store) > 0 && !anyway {
		return stack.Usage(c.File, use.Source.Line, "secret "+name+" is the password of "+strings.Join(store, ", ")+", which keeps it in its data: a new value here alone would lock every service out",
			"change it there first (PostgreSQL: ALTER ROLE … PASSWORD), give the same value to `stackctl secrets edit "+name+"`, and deploy; or say --anyway where the store reads it anew at each start")
	}
	to := secretReader(c)
	if use.Source.Previous != "" {
		old, err := to.Read(ctx, name, use.Source)
		if err != nil {
			return err
		}
		if err := to.Write(use.Source.Previous, c.Secrets[use.Source.Previous], old); err != nil {
			return err
		}
	}
	value, err := secretValue(name, map[string]string{}, "")
	if strings.HasSuffix(name, "_htpasswd") {
		return stack.Usage(c.File, use.Source.Line, name+" is made of a password", "rotate the password; it is made anew with it")
	}
	if err == nil {
		err = to.Write(name, use.Source, []byte(value+"\n"))
	}
	if err != nil {
		return err
	}
	if err := o.rehash(c, name, value); err != nil {
		return err
	}
	return o.changed(use, "rotated")
}

// storesOf are the services of the data layer that get a secret.
func storesOf(use release.SecretUse) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(use.Services)) {
		if use.Services[name] == stack.LayerData {
			out = append(out, name)
		}
	}
	return out
}

// rehash makes NAME_htpasswd anew of NAME_password, where there is one.
func (o *options) rehash(c stack.Config, name, value string) error {
	base, is := strings.CutSuffix(name, "_password")
	files, err := release.SecretFiles(c)
	file, has := files[base+"_htpasswd"]
	if err != nil || !is || !has {
		return err
	}
	hash, err := htpasswd(c.Traefik.Staff.User, value)
	if err == nil {
		err = secretReader(c).Write(base+"_htpasswd", stack.SecretSource{File: file}, []byte(hash+"\n"))
	}
	return err
}

// changed tells what happened, and what it takes to have an effect.
func (o *options) changed(use release.SecretUse, how string) error {
	who := or(strings.Join(slices.Sorted(maps.Keys(use.Services)), ", "), "what uses it")
	fmt.Fprintf(o.out, "%s %s in %s; %s: a new value with the next `stackctl deploy`\n", how, use.Name, redact.Printable(use.Source.From()), who)
	if how == "rotated" {
		if use.Source.Previous != "" {
			fmt.Fprintf(o.out, "the value before is in %s: deploy, and rotate that one when nobody needs it any more\n", use.Source.Previous)
		} else {
			fmt.Fprintln(o.out, "no `previous` is named: what the value before was good for, such as sessions and tokens, ends with that deploy")
		}
	}
	return nil
}
