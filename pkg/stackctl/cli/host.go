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

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/cloud"
	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/digitalocean"
	"stackctl/pkg/stackctl/edge"
	"stackctl/pkg/stackctl/given"
	"stackctl/pkg/stackctl/redact"
	"stackctl/pkg/stackctl/stack"
)

func newHost(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "host",
		Short: "Make, list and remove servers at DigitalOcean",
		Long: `host rents the server of a target that has host_from in stackctl.yaml: a droplet
with its SSH key, its cloud firewall, and the DNS records of the site where the
zone is at DigitalOcean. What it makes has the tag stackctl:PROJECT:TARGET;
nothing without it is ever changed or removed. The token is DIGITALOCEAN_TOKEN,
or the secret that token_secret names.`,
	}
	cmd.AddCommand(newHostCreate(s, runHostCreate), newHostList(s, runHostList), newHostDestroy(s, runHostDestroy))
	return cmd
}

// tokenVariables may hold the token; the second is doctl's.
var tokenVariables = []string{"DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN"}

// rented is a target whose server is rented, and who rents it.
type rented struct {
	config   stack.Config
	target   stack.Target
	place    cloud.Place
	landlord cloud.Landlord
	known    stack.MadeHost
}

// rentedTarget reads the one target of a verb, and the token.
func rentedTarget(ctx context.Context, p *project, out *printer) (rented, error) {
	c, err := config.Load(p.file)
	if err != nil {
		return rented{}, err
	}
	name := ""
	switch {
	case len(p.targets) > 1:
		return rented{}, stack.Fault(stack.CauseUsage, "pick the target", fmt.Errorf("%d were named", len(p.targets)), "this verb acts on one: name it with --target")
	case len(p.targets) == 1:
		name = p.targets[0]
	}
	t, err := config.Named(c, name)
	if err != nil {
		return rented{}, err
	}
	return rent(ctx, c, t, out)
}

// rent returns who rents the server of a target.
func rent(ctx context.Context, c stack.Config, t stack.Target, out *printer) (rented, error) {
	if !t.HostFrom.Named() {
		return rented{}, stack.Usage(c.File, 0, "target "+t.Name+" has no host_from", "write `host_from: {digitalocean: {region: fra1}}` in it, or use a server that is there")
	}
	from := t.HostFrom.DigitalOcean
	token, err := tokenOf(ctx, c, from, out)
	if err != nil {
		return rented{}, err
	}
	known, err := config.Made(c, t.Name)
	if err != nil {
		return rented{}, err
	}
	port := t.Port
	if port == 0 {
		port = 22
	}
	hosts := []string{t.Domain}
	for _, r := range c.Routes {
		hosts = append(hosts, edge.Host(r, t.Domain))
	}
	slices.Sort(hosts)
	hosts = slices.DeleteFunc(slices.Compact(hosts), func(host string) bool { return host == "" || strings.Contains(host, "*") })
	return rented{config: c, target: t, known: known,
		place: cloud.Place{Project: c.Project, Target: t.Name, From: from, Hosts: hosts, Ports: c.Gates.Exposure.Allow, SSHPort: port},
		landlord: cloud.Landlord{API: digitalocean.New(from.API, token), Now: time.Now, Pause: waitFor, Say: out.sayHost, Note: out.noteHost,
			Keep: func(h stack.MadeHost) error { return keepHost(c, t.Name, h) }},
	}, nil
}

// tokenOf reads the token, and masks it from then on.
func tokenOf(ctx context.Context, c stack.Config, from stack.DigitalOcean, out *printer) (string, error) {
	token := ""
	if from.TokenSecret != "" {
		value, err := secretReader(c).Read(ctx, from.TokenSecret, c.Secrets[from.TokenSecret])
		if err != nil {
			return "", err
		}
		token = string(value)
	}
	for _, name := range tokenVariables {
		if token == "" {
			token = os.Getenv(name)
		}
	}
	token = strings.TrimSpace(token)
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", stack.Fault(stack.CauseUsage, "ask DigitalOcean", errors.New("there is no token, or it is none"), "set "+tokenVariables[0]+", or name a secret as host_from.digitalocean.token_secret")
	}
	out.known = redact.New(map[string]string{tokenVariables[0]: token})
	return token, nil
}

func waitFor(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// sayHost prints how far it is.
func (p *printer) sayHost(line string) {
	if !p.quiet && p.output == "text" {
		fmt.Fprintf(p.errs, "%s  %s\n", time.Now().Format("15:04:05"), p.clean(line))
	}
}

// noteHost prints what a person must know, also where nothing else is printed.
func (p *printer) noteHost(line string) { fmt.Fprintf(p.errs, "note: %s\n", p.clean(line)) }

// keepHost writes what is known of a server, in one instant.
func keepHost(c stack.Config, target string, h stack.MadeHost) error {
	file := stack.MadeHostFile(c.Root, target)
	raw, err := json.MarshalIndent(h, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(file), 0o755)
	}
	if err != nil {
		return err
	}
	fresh := fmt.Sprintf("%s.%d", file, time.Now().UnixNano())
	if err := os.WriteFile(fresh, append(raw, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, file)
}

// publicKeyOf is the line of the SSH key that logs in.
func publicKeyOf(t stack.Target) (string, error) {
	from := t.HostFrom.DigitalOcean
	places := []string{from.SSHKey}
	if from.SSHKey == "" {
		places = nil
		if t.Key != "" {
			places = append(places, strings.TrimSuffix(t.Key, ".pub")+".pub")
		}
		if home, err := os.UserHomeDir(); err == nil && t.Key == "" {
			places = append(places, filepath.Join(home, ".ssh", "id_ed25519.pub"), filepath.Join(home, ".ssh", "id_rsa.pub"))
		}
	}
	const fix = "name the public half of a key as host_from.digitalocean.ssh_key, or make one with `ssh-keygen -t ed25519`"
	for _, file := range places {
		raw, err := given.Read(file, given.Most)
		switch {
		case errors.Is(err, fs.ErrNotExist) && len(places) > 1:
			continue
		case err != nil:
			return "", stack.Fault(stack.CauseUsage, "read the SSH key "+file, err, fix)
		case strings.Contains(string(raw), "PRIVATE KEY"):
			return "", stack.Fault(stack.CauseUsage, "read the SSH key "+file, errors.New("it is the private half"), fix)
		}
		return string(raw), nil
	}
	return "", stack.Fault(stack.CauseUsage, "find an SSH key", errors.New("there is none of "+strings.Join(places, ", ")), fix)
}
