package cli

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

// secretsRotateOptions are the flags of secrets rotate, and what it needs.
type secretsRotateOptions struct {
	out     io.Writer
	project *project

	name   string
	anyway bool
}

func newSecretsRotate(s *session, run func(context.Context, *secretsRotateOptions) error) *cobra.Command {
	o := &secretsRotateOptions{out: s.printer.out, project: s.project}
	cmd := &cobra.Command{
		Use: "rotate NAME", Args: cobra.ExactArgs(1), Short: "Replace a secret by a new random one",
		Long: `rotate makes a new random value. Where stackctl.yaml names a secret under
previous, the value before goes there: services that take both lose nobody. A
secret of a store is refused: the store keeps its password in its data.`,
		Example:           "  stackctl secrets rotate app_secret\n  stackctl secrets rotate db_password --anyway",
		ValidArgsFunction: s.project.completeSecrets,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.name = args[0]
			return run(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVar(&o.anyway, "anyway", false, "also where a store has it in its data, and must be told by hand")
	return cmd
}

func runSecretsRotate(ctx context.Context, o *secretsRotateOptions) error {
	name := o.name
	c, use, err := secretNamed(ctx, o.project, name)
	if err != nil {
		return err
	}
	if store := storesOf(use); len(store) > 0 && !o.anyway {
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
	if err := rehash(c, name, value); err != nil {
		return err
	}
	secretChanged(o.out, use, "rotated")
	return nil
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
func rehash(c stack.Config, name, value string) error {
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
