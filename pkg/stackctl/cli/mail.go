package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/sandbox"
	"stackctl/pkg/stackctl/stack"
)

func newSandboxMail(o *options) *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use: "mail [NUMBER]", Args: cobra.MaximumNArgs(1), Short: "List the mails that the deployed site sent, or show one",
		Long: `mail lists what the sandbox's mail server took, the newest first, or shows the
mail with a number. The same mails are on a page; its address is printed too.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := o.sandboxState("look at the sandbox's mails")
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return o.listMail(cmd.Context(), s, to)
			}
			number, err := strconv.Atoi(args[0])
			if err != nil {
				return stack.Usage("sandbox mail", 0, fmt.Sprintf("%q is not a mail's number", args[0]), "list the mails with `stackctl sandbox mail`")
			}
			return o.showMail(cmd.Context(), s, number)
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "only mails to this `address`")
	return cmd
}

// sandboxState is the running sandbox; what is what was to be done with it.
func (o *options) sandboxState(what string) (sandbox.State, error) {
	s, err := sandbox.Load(o.sandboxDir())
	if errors.Is(err, fs.ErrNotExist) {
		return s, stack.Fault(stack.CauseUsage, what, errors.New("no sandbox runs"), "start one with `stackctl sandbox up`")
	}
	return s, err
}

func (o *options) listMail(ctx context.Context, s sandbox.State, to string) error {
	list, err := s.Letters(ctx, to)
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

func (o *options) showMail(ctx context.Context, s sandbox.State, number int) error {
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

// plain takes control characters out of what a mail says: a terminal obeys some.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, text)
}
