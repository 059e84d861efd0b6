package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/sandbox"
	"stackctl/pkg/stackctl/stack"
)

// sandboxMailOptions are the flags of sandbox mail, and what it needs.
type sandboxMailOptions struct {
	*printer
	project *project

	args []string // a mail's number; none: list them
	to   string
}

func newSandboxMail(s *session, run func(context.Context, *sandboxMailOptions) error) *cobra.Command {
	o := &sandboxMailOptions{printer: s.printer, project: s.project}
	cmd := &cobra.Command{
		Use: "mail [NUMBER]", Args: cobra.MaximumNArgs(1), Short: "List the mails that the deployed site sent, or show one",
		Long: `mail lists what the sandbox's mail server took, the newest first, or shows the
mail with a number. The same mails are on a page; its address is printed too.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.args = args
			return run(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.to, "to", "", "only mails to this `address`")
	return cmd
}

func runSandboxMail(ctx context.Context, o *sandboxMailOptions) error {
	s, err := sandboxState(o.project, "look at the sandbox's mails")
	if err != nil {
		return err
	}
	if len(o.args) == 0 {
		return o.list(ctx, s)
	}
	number, err := strconv.Atoi(o.args[0])
	if err != nil {
		return stack.Usage("sandbox mail", 0, fmt.Sprintf("%q is not a mail's number", o.args[0]), "list the mails with `stackctl sandbox mail`")
	}
	return o.show(ctx, s, number)
}

func (o *sandboxMailOptions) list(ctx context.Context, s sandbox.State) error {
	list, err := s.Letters(ctx, o.to)
	if err != nil {
		return err
	}
	if o.output == "json" {
		return o.json(list)
	}
	for _, l := range list {
		fmt.Fprintf(o.out, "%4d  %s  %s  %s\n", l.ID, l.At.Local().Format("15:04:05"), strings.Join(l.To, " "), plain(l.Subject))
	}
	fmt.Fprintf(o.out, "%d mails; also at %s/\n", len(list), s.Mail)
	return nil
}

func (o *sandboxMailOptions) show(ctx context.Context, s sandbox.State, number int) error {
	l, err := s.Letter(ctx, number)
	if err != nil {
		return err
	}
	if o.output == "json" {
		return o.json(l)
	}
	fmt.Fprintf(o.out, "From:    %s\nTo:      %s\nArrived: %s\nSubject: %s\n\n%s\n", plain(l.From), strings.Join(l.To, " "), l.At.Local().Format("2006-01-02 15:04:05"), plain(l.Subject), plain(l.Text))
	return nil
}

// plain takes control characters out of a mail: a terminal obeys some.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, text)
}
