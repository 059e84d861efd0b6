package node

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"

	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/stack"
)

// Sums are the hashes of the files that the host keeps of a release alone, by
// their names in its folder. Secrets are not among them: they are in no
// release's folder.
func Sums(r stack.Release) map[string]string {
	out := map[string]string{}
	for _, f := range r.Files {
		if name, ours := strings.CutPrefix(f.Path, stack.ReleasePath(r.ID)+"/"); ours && !f.Secret {
			out[name] = stack.Sum(f.Content)
		}
	}
	return out
}

// CheckFiles returns an error where the files that the host keeps of a release are
// not those that were deployed. It finds what was edited by hand; who means to
// deceive can edit the record too.
func CheckFiles(ctx context.Context, server Server, t stack.Target, record stack.ReleaseRecord) error {
	dir := t.At(stack.ReleasePath(record.ID))
	var names []string
	for name := range record.Files {
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil // deployed before sums were kept
	}
	now, err := server.Hashes(ctx, dir, names)
	if err != nil {
		return fmt.Errorf("check the files of release %s: %w", record.ID, err)
	}
	var wrong []string
	for _, name := range names {
		switch now[name] {
		case record.Files[name]:
		case host.Unreadable:
			wrong = append(wrong, name+" cannot be read")
		case "":
			wrong = append(wrong, name+" is gone")
		default:
			wrong = append(wrong, name+" was edited")
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	sort.Strings(wrong)
	return stack.Fault(stack.CauseGate, "check the files of release "+record.ID+" in "+dir, errors.New(strings.Join(wrong, ", ")),
		"deploy that release again: it writes what differs. Then find out who works on the host by hand")
}
