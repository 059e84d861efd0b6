package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// writePages writes the page of a command and of those below it.
func writePages(cmd *cobra.Command, dir string) (int, error) {
	if !cmd.IsAvailableCommand() && cmd.HasParent() {
		return 0, nil
	}
	cmd.InitDefaultHelpFlag()
	file := filepath.Join(dir, pageName(cmd)+".1")
	if err := os.WriteFile(file, []byte(manPage(cmd)), 0o644); err != nil {
		return 0, err
	}
	all := 1
	for _, sub := range cmd.Commands() {
		n, err := writePages(sub, dir)
		if all += n; err != nil {
			return all, err
		}
	}
	return all, nil
}

func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manPage is one page in the man macros (man(7)). It has no date: the same
// program makes the same page.
func manPage(cmd *cobra.Command) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line(`.TH "%s" "1" "" "stackctl %s" "stackctl"`, strings.ToUpper(roff(pageName(cmd))), roff(Version))
	line(".SH NAME\n%s \\- %s", roff(pageName(cmd)), roff(cmd.Short))
	line(".SH SYNOPSIS\n\\fB%s\\fR", roff(cmd.UseLine()))
	line(".SH DESCRIPTION\n%s", roffLines(or(cmd.Long, cmd.Short)))
	for _, part := range []struct {
		title string
		flags *pflag.FlagSet
	}{{"OPTIONS", cmd.NonInheritedFlags()}, {"OPTIONS OF EVERY VERB", cmd.InheritedFlags()}} {
		title := part.title
		part.flags.VisitAll(func(f *pflag.Flag) {
			if title != "" {
				line(".SH %s", title)
				title = ""
			}
			line(".TP\n%s\n%s", roffFlag(f), roff(f.Usage))
		})
	}
	if cmd.Example != "" {
		line(".SH EXAMPLES\n.nf\n%s\n.fi", roffLines(cmd.Example))
	}
	var also []string
	if cmd.HasParent() {
		also = append(also, roff(pageName(cmd.Parent()))+"(1)")
	}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			also = append(also, roff(pageName(sub))+"(1)")
		}
	}
	if len(also) > 0 {
		line(".SH SEE ALSO\n%s", strings.Join(also, ", "))
	}
	return b.String()
}

func roffFlag(f *pflag.Flag) string {
	text := `\fB\-\-` + roff(f.Name) + `\fR`
	if f.Shorthand != "" {
		text = `\fB\-` + f.Shorthand + `\fR, ` + text
	}
	if kind, _ := pflag.UnquoteUsage(f); kind != "" {
		text += ` \fI` + roff(kind) + `\fR`
	}
	return text
}

// roff escapes a text: a hyphen of a flag must stay one, and no line may begin
// with a macro.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "`", "").Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}

// roffLines escapes a text of several lines, whose empty ones part paragraphs.
func roffLines(text string) string {
	var out []string
	for line := range strings.SplitSeq(strings.Trim(text, "\n"), "\n") {
		if line == "" {
			out = append(out, ".PP")
			continue
		}
		out = append(out, roff(line))
	}
	return strings.Join(out, "\n")
}
