package stack

import (
	"strings"
	"time"
)

// SecretSource is where the value of one secret is kept. Exactly one of Command,
// File, Age and SOPS is set.
type SecretSource struct {
	// Command prints the value; it runs on the operator's side, without a shell.
	Command []string `mapstructure:"command"`
	// Timeout is how long Command may take.
	Timeout time.Duration `mapstructure:"timeout"`
	// File holds the value as it is.
	File string `mapstructure:"file"`
	// Age is a file that holds the value, encrypted with age.
	Age string `mapstructure:"age"`
	// SOPS is a file that SOPS encrypted for age recipients, Key the place of the
	// value in it, such as db.password.
	SOPS string `mapstructure:"sops"`
	Key  string `mapstructure:"key"`
	// Previous names the secret that holds the value before, where the services
	// take both.
	Previous string `mapstructure:"previous"`
	// Line is where stackctl.yaml names it.
	Line int `mapstructure:"-"`
	// Value is what was read; nil: it was not.
	Value []byte `mapstructure:"-"`
}

// From names the source, without anything of the value. The arguments of a
// command are not told: its first word is.
func (s SecretSource) From() string {
	switch {
	case len(s.Command) > 0:
		return "command " + s.Command[0]
	case s.Age != "":
		return "age " + s.Age
	case s.SOPS != "":
		return "sops " + s.SOPS + " " + s.Key
	}
	return "file " + s.File
}

// Text is the value as a variable takes it: without the end of its last line.
func (s SecretSource) Text() string { return strings.TrimRight(string(s.Value), "\r\n") }

// Age is which keys open what is encrypted in the project's files, and for
// whom it is encrypted.
type Age struct {
	// Identity is a file with age identities, or an SSH private key; empty means
	// the usual places.
	Identity string `mapstructure:"identity"`
	// Recipients are public keys; with none, the public halves of Identity.
	Recipients []string `mapstructure:"recipients"`
}
