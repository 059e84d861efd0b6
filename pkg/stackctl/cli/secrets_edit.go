package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/secret"
	"stackctl/pkg/stackctl/stack"
)

// secretsEditOptions are what secrets edit needs.
type secretsEditOptions struct {
	*printer
	in      io.Reader
	project *project

	name string
}

func newSecretsEdit(s *session, run func(context.Context, *secretsEditOptions) error) *cobra.Command {
	o := &secretsEditOptions{printer: s.printer, in: s.in, project: s.project}
	return &cobra.Command{
		Use: "edit NAME", Args: cobra.ExactArgs(1), Short: "Change a secret in $EDITOR, or take its value from the input",
		Example:           "  stackctl secrets edit api_key\n  printf %s \"$NEW\" | stackctl secrets edit api_key",
		ValidArgsFunction: s.project.completeSecrets,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.name = args[0]
			return run(cmd.Context(), o)
		},
	}
}

func runSecretsEdit(ctx context.Context, o *secretsEditOptions) error {
	c, use, err := secretNamed(ctx, o.project, o.name)
	if err != nil {
		return err
	}
	to := secretReader(c)
	var value []byte
	if _, ok := terminalOf(o.in); ok {
		old, err := to.Read(ctx, o.name, use.Source)
		if err != nil && stateOf(use.Source) != "missing" {
			return err
		}
		if value, err = o.inEditor(ctx, old); err != nil {
			return err
		}
		if string(value) == string(old) {
			fmt.Fprintln(o.out, "nothing was changed")
			return nil
		}
	} else if value, err = io.ReadAll(io.LimitReader(o.in, secret.Most+1)); err != nil {
		return stack.Fault(stack.CauseUsage, "read the new value from the input", err, "")
	}
	if short := redact.TooShort(map[string]string{o.name: strings.TrimSpace(string(value))}); len(short) > 0 {
		return stack.Usage(c.File, use.Source.Line, "the new value of "+o.name+" is too short or too common to be kept out of logs", "choose a longer one")
	}
	if err := to.Write(o.name, use.Source, value); err != nil {
		return err
	}
	secretChanged(o.out, use, "changed")
	return nil
}

// inEditor lets the operator's editor change a value, in a file that nobody
// else can read, in memory where the machine has a place for that.
func (o *secretsEditOptions) inEditor(ctx context.Context, old []byte) ([]byte, error) {
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
	file := filepath.Join(dir, o.name)
	if err := os.WriteFile(file, old, 0o600); err != nil {
		return nil, stack.Fault(stack.CauseStep, "make a file to edit", err, "")
	}
	words := strings.Fields(editor)
	cmd := exec.CommandContext(ctx, words[0], append(words[1:], file)...) //nolint:gosec // the operator's own editor, started for the operator
	cmd.Stdin, cmd.Stdout, cmd.Stderr = o.in, o.out, o.errs
	if err := cmd.Run(); err != nil {
		return nil, stack.Fault(stack.CauseStep, "run the editor "+words[0], err, "set EDITOR; nothing was changed")
	}
	return os.ReadFile(filepath.Clean(file))
}
