// Package secret owns the values that stackctl.yaml says to take from somewhere:
// a program, a file, a file encrypted with age or by SOPS. It reads them and
// writes new ones. It must not know what a value is used for, and no error of
// its holds a value, or what a program printed.
package secret

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/program"
	"stackctl/pkg/stackctl/stack"
)

// Most bounds a value: it is a password or a key, not data.
const Most = 64 << 10

// Reader reads secrets. Keys are opened when the first one is needed, files of
// SOPS once.
type Reader struct {
	// File is the stackctl.yaml, Root its folder.
	File, Root string
	Age        stack.Age
	// Ask asks for a passphrase; nil: nobody can be asked.
	Ask func(prompt string) ([]byte, error)
	// Env is the environment; nil: none.
	Env func(string) string

	keys *keyring
	sops map[string]map[string]string
}

// Read returns the value of a secret. The error is a usage error with the line of
// stackctl.yaml.
func (r *Reader) Read(ctx context.Context, name string, s stack.SecretSource) ([]byte, error) {
	value, fix, err := r.value(ctx, s)
	if ctx.Err() != nil {
		return nil, stack.Interrupted(ctx, "read the secret "+name)
	}
	if err == nil && strings.TrimSpace(string(value)) == "" {
		err, fix = errors.New("it is empty"), "put the value there"
	}
	if err != nil {
		return nil, stack.Usage(r.File, s.Line, "secret "+name+" from "+s.From()+": "+err.Error(), fix)
	}
	return value, nil
}

func (r *Reader) value(ctx context.Context, s stack.SecretSource) (value []byte, fix string, err error) {
	switch {
	case len(s.Command) > 0:
		return r.printed(ctx, s)
	case s.Age != "":
		raw, fix, err := content(s.Age, 2*Most)
		if err != nil {
			return nil, fix, err
		}
		return r.opened(raw)
	case s.SOPS != "":
		return r.member(s)
	}
	return content(s.File, Most)
}

// content reads a file whose name the error of stackctl.yaml holds already.
func content(file string, most int64) (raw []byte, fix string, err error) {
	raw, err = given.Read(file, most)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "make it, or correct its name", errors.New("it does not exist")
	}
	if inner := new(fs.PathError); errors.As(err, &inner) {
		err = inner.Err
	}
	return raw, "", err
}

// printed runs a command. What it prints is told nobody: it may be the value,
// also where it failed.
func (r *Reader) printed(ctx context.Context, s stack.SecretSource) (value []byte, fix string, err error) {
	fix = "run it by hand to see what it prints; that is not shown here, as it may be the value"
	out, err := program.Run(ctx, program.Program{Args: s.Command, Dir: r.Root, Limit: s.Timeout, Most: Most, Whole: true})
	switch {
	case errors.Is(err, program.ErrTime):
		return nil, "sign in to where it is kept, or raise its timeout: its input is empty, so it can ask nothing", err
	case errors.Is(err, program.ErrOutput):
		return nil, "let it print the value alone", err
	case err != nil:
		return nil, "install it, or correct its name", errors.New(plain(err))
	case out.Exit != 0:
		return nil, fix, fmt.Errorf("it ended with exit code %d", out.Exit)
	case len(out.Out) == 0:
		return nil, fix, errors.New("it printed nothing")
	}
	return trimLine(out.Out), "", nil
}

// plain is why a program could not be started, without its arguments.
func plain(err error) string {
	if errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "executable file not found") {
		return "there is no such program"
	}
	if errors.Is(err, fs.ErrPermission) {
		return "it may not be executed"
	}
	return "it could not be run, or was ended by a signal"
}

// trimLine takes the end of the last line away, as a shell does with $(…).
func trimLine(value []byte) []byte { return []byte(strings.TrimRight(string(value), "\r\n")) }
