package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/notice"
	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/stack"
)

// telling are the verbs whose verdicts say how a target is.
var telling = []string{"deploy", "rollback", "verify", "watch"}

// notify tells people of a verdict that changed, and remembers it. Whatever
// happens here, the verdict stands: what cannot be sent is said on the screen.
func (r *recorder) notify(ctx context.Context, w work, t stack.Target, report stack.Report, dir string) {
	if !slices.Contains(telling, w.verb) || len(w.config.Notices) == 0 && w.verb != "watch" || t.Name == "" {
		return
	}
	file := stateFile(w.config, t)
	before, known, err := readState(file)
	now, n := notice.Change(before, known, report, reportAt(w.config, dir))
	if n != nil {
		masked := r.masked(*n)
		err = errors.Join(err, notice.Sender{To: w.config.Notices, Secrets: w.config.Secrets}.Send(context.WithoutCancel(ctx), masked))
		if w.verb == "watch" && !r.quiet && r.output != "json" {
			_, _ = fmt.Fprintf(r.errs, "changed: %s\n", redact.Printable(masked.Title()))
		}
	}
	if now.Verdict != "" {
		err = errors.Join(err, writeState(file, now))
	}
	if err != nil {
		_, _ = fmt.Fprintf(r.errs, "stackctl: %s\n", redact.Printable(r.safe(err.Error())))
	}
}

// masked is a notice without known secrets.
func (r *redactor) masked(n notice.Notice) notice.Notice {
	n.Reason, n.Fix = r.safe(n.Reason), r.safe(n.Fix)
	n.New, n.Gone = slices.Clone(n.New), slices.Clone(n.Gone)
	for i, f := range n.New {
		n.New[i] = notice.Finding{Rule: f.Rule, Subject: r.safe(f.Subject), Problem: r.safe(f.Problem)}
	}
	for i, g := range n.Gone {
		n.Gone[i] = r.safe(g)
	}
	return n
}

// reportAt is where people find the report of a run.
func reportAt(c stack.Config, dir string) string {
	if c.Evidence.URL != "" {
		return strings.TrimSuffix(c.Evidence.URL, "/") + "/" + filepath.Base(dir) + "/report.html"
	}
	return filepath.Join(dir, "report.html")
}

// stateFile keeps what was last known of a target, beside stackctl.yaml: also of
// one that cannot be reached.
func stateFile(c stack.Config, t stack.Target) string {
	return filepath.Join(c.Root, ".stackctl", "verdicts", filepath.Base(stack.Backup{}.Folder(t.Name))+".json")
}

func readState(file string) (s notice.State, known bool, err error) {
	raw, err := given.Read(file, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return s, false, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &s)
	}
	if err != nil {
		return notice.State{}, false, fmt.Errorf("what was known of the target is not readable, so it counts as new: %w", err)
	}
	return s, true, nil
}

// writeState replaces the file in one instant.
func writeState(file string, s notice.State) error {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(file), 0o755)
	}
	if err != nil {
		return err
	}
	fresh := fmt.Sprintf("%s.%d", file, time.Now().UnixNano())
	if err := os.WriteFile(fresh, append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("keep the verdict: %w", err)
	}
	return os.Rename(fresh, file)
}
