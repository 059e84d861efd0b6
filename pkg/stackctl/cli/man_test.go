package cli

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// macro is a line that man(7) reads as one.
var macro = regexp.MustCompile(`^\.(TH|SH|TP|PP|nf|fi)\b`)

func TestEveryVerbHasItsManualPage(t *testing.T) {
	root, dir := newRoot(newSession(nil, io.Discard, io.Discard)), t.TempDir()
	n, err := writePages(root, dir)
	if err != nil || n < 40 {
		t.Fatalf("%d pages, %v", n, err)
	}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		raw, err := os.ReadFile(filepath.Join(dir, pageName(cmd)+".1"))
		if err != nil {
			t.Error(err)
		}
		for i, line := range strings.Split(string(raw), "\n") {
			if (strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'")) && !macro.MatchString(line) {
				t.Errorf("%s:%d begins with a macro that there is not: %s", pageName(cmd), i+1, line)
			}
		}
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() {
				walk(sub)
			}
		}
	}
	walk(root)
	page := manPage(find(t, root, "deploy"))
	for _, wants := range []string{`\fB\-\-all\-tests\fR`, ".SH EXAMPLES\n.nf\n", `\fB\-\-lock\-wait\fR \fIduration\fR`, "stackctl(1)", `.TH "STACKCTL\-DEPLOY" "1"`} {
		if !strings.Contains(page, wants) {
			t.Errorf("%q is not in\n%s", wants, page)
		}
	}
}

func find(t *testing.T, root *cobra.Command, words ...string) *cobra.Command {
	t.Helper()
	cmd, _, err := root.Find(words)
	if err != nil {
		t.Fatal(err)
	}
	return cmd
}
