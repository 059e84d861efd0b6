package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"
	"golang.org/x/sync/errgroup"

	"stackctl/pkg/stackctl/gate"
	"stackctl/pkg/stackctl/gate/acme"
	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

// order is one certificate that the edge was led to ask a public authority for.
type order struct {
	Name string    `json:"name"`
	At   time.Time `json:"at"`
}

// What Let's Encrypt allows (letsencrypt.org/docs/rate-limits). Other authorities
// allow more.
const (
	week          = 7 * 24 * time.Hour
	mostOfDomain  = 50 // new certificates of a registered domain a week
	mostOfName    = 5  // the same certificate a week
	mostInAnHour  = 5  // failed validations of a name an hour
	lookupTimeout = 10 * time.Second
)

// checkPublic returns an error where a public authority should not be asked yet for
// the certificates that a release needs. It gives the names it would be asked for,
// and those of them that are rehearsed before.
func (s *story) checkPublic(ctx context.Context, server node.Server, r stack.Release, live string, now time.Time) (wanted, rehearsed []string, err error) {
	t := s.d.Target
	if !t.ACME.Public() {
		if acme.IsStaging(t.ACME.Directory) && len(r.Edge.Certified()) > 0 {
			s.note("the certificates are of Let's Encrypt's staging directory, which no browser trusts; once the site is good, `acme: {policy: public}` in the target and another deploy change that")
		}
		return nil, nil, nil
	}
	standing, err := standings(ctx, t, r.Edge.Certified(), now)
	if err != nil {
		return nil, nil, err
	}
	wanted = slices.DeleteFunc(sorted(standing), func(host string) bool { return standing[host] == acme.Trusted })
	if len(wanted) == 0 {
		return nil, nil, nil
	}
	if name := notInProduction(r); name != "" {
		return nil, nil, stack.Fault(stack.CauseUsage, askPublic, fmt.Errorf("service %s has an APP_ENV other than production; nothing was changed", name), "set APP_ENV=production for this target")
	}
	unproven := slices.DeleteFunc(slices.Clone(wanted), func(host string) bool { return standing[host] == acme.Rehearsed })
	if len(unproven) == len(standing) {
		return nil, nil, stack.Fault(stack.CauseUsage, askPublic,
			fmt.Errorf("%s has no certificate of the staging directory yet; nothing was changed", strings.Join(unproven, ", ")),
			"deploy with `acme: {policy: staging}` first: an authority allows few mistakes, and staging shows them for nothing")
	}
	if acme.KnownPublic(t.ACME.Directory) {
		if err := checkNames(ctx, server, t, wanted); err != nil {
			return nil, nil, stack.Fault(stack.CauseUsage, askPublic, err, "set the name's A and AAAA records to the server, and wait until they are known")
		}
	}
	past, err := orders(ctx, server, t)
	if err != nil {
		return nil, nil, err
	}
	if err := overBudget(past, wanted, ordering(t), now); err != nil {
		return nil, nil, stack.Fault(stack.CauseUsage, askPublic, fmt.Errorf("%w; nothing was changed", err), "wait, and see in the edge's log why the orders before brought no certificate")
	}
	if len(unproven) == 0 || t.ACME.Rehearsal.Directory != "" && live != "" {
		return wanted, unproven, nil
	}
	why := "acme.rehearsal names no staging directory"
	if live == "" {
		why = "no release is live here"
	}
	s.note(strings.Join(unproven, ", ") + ": new on a site that is public; certificates are asked for without a rehearsal: " + why)
	return wanted, nil, nil
}

// askPublic is what a run is at when it is refused before a public order.
const askPublic = "ask a public authority for certificates"

// standings asks for the standing of each host, a few side by side.
func standings(ctx context.Context, t stack.Target, hosts []string, now time.Time) (map[string]acme.Standing, error) {
	found := make([]acme.Standing, len(hosts))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i, host := range hosts {
		group.Go(func() (err error) {
			found[i], err = acme.StandingOf(ctx, gate.Subject{Target: t, Outside: outside{}}, host, now)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, stack.Fault(stack.CauseUsage, "read acme.roots", err, "")
	}
	out := map[string]acme.Standing{}
	for i, host := range hosts {
		out[host] = found[i]
	}
	return out, nil
}

// notInProduction names a service that says of itself that it does not run for the
// public.
func notInProduction(r stack.Release) string {
	for _, s := range r.Services {
		if mode, set := s.Environment["APP_ENV"]; set && s.Deployed && !strings.EqualFold(mode, "production") && !strings.EqualFold(mode, "prod") {
			return s.Name
		}
	}
	return ""
}

// checkNames returns an error where a name does not lead to the target alone: an
// authority takes any of its addresses (RFC 8555, section 8.3).
func checkNames(ctx context.Context, h node.Host, t stack.Target, names []string) error {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	target, here := visited(t), []netip.Addr(nil)
	for _, host := range target {
		found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			return fmt.Errorf("look up the target %s: %w", host, err)
		}
		here = append(here, found...)
	}
	// A target that is named by its IPv4 address has an IPv6 one as well.
	if own, err := h.Run(ctx, "hostname", "-I"); err == nil && own.Exit == 0 {
		here = append(here, addresses(string(own.Stdout))...)
	}
	for _, name := range names {
		there, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		if err != nil {
			return fmt.Errorf("look up %s: %w; nothing was changed", name, err)
		}
		if other, found := elsewhere(here, there); found {
			return fmt.Errorf("%s leads to %s, which is not the target %s; nothing was changed", name, other, strings.Join(target, ", "))
		}
	}
	return nil
}

// visited are the hosts that a target's visitors reach: the edge nodes of a cluster.
func visited(t stack.Target) []string {
	if t.Edge.Address != "" {
		return []string{t.Edge.Address}
	}
	var out []string
	for _, n := range t.Labelled(stack.NodeEdge) {
		out = append(out, n.Host)
	}
	if len(out) == 0 {
		return []string{t.Host}
	}
	return out
}

// addresses are those in a list that a host prints, but for those of a link.
func addresses(list string) []netip.Addr {
	var out []netip.Addr
	for text := range strings.FieldsSeq(list) {
		if a, err := netip.ParseAddr(text); err == nil && a.IsGlobalUnicast() {
			out = append(out, a)
		}
	}
	return out
}

// elsewhere returns the first address of a name that is none of the target's.
func elsewhere(here, there []netip.Addr) (netip.Addr, bool) {
	for _, a := range there {
		if !slices.ContainsFunc(here, func(b netip.Addr) bool { return a.Unmap() == b.Unmap() }) {
			return a.Unmap(), true
		}
	}
	return netip.Addr{}, false
}

// ordering is how many certificates of one name are ordered at once: each edge of a
// cluster orders its own, with an account of its own.
func ordering(t stack.Target) int { return max(1, len(t.Labelled(stack.NodeEdge))) }

// overBudget returns an error where so many orders each for these names would be more
// than an authority allows.
func overBudget(past []order, names []string, each int, now time.Time) error {
	domains, thisWeek, thisHour := map[string]int{}, map[string]int{}, map[string]int{}
	for _, o := range past {
		if now.Sub(o.At) < week {
			domains[registered(o.Name)]++
			thisWeek[o.Name]++
		}
		if now.Sub(o.At) < time.Hour {
			thisHour[o.Name]++
		}
	}
	for _, name := range names {
		domain := registered(name)
		domains[domain] += each
		switch {
		case thisHour[name] >= mostInAnHour*each:
			return fmt.Errorf("%s was ordered %d times within the hour, and an authority allows %d that fail", name, thisHour[name]/each, mostInAnHour)
		case each > mostOfName:
			return fmt.Errorf("each of %d edges orders %s, and an authority allows %d of the same within a week", each, name, mostOfName)
		case thisWeek[name]+each > mostOfName:
			return fmt.Errorf("%s was ordered %d times within a week, and an authority allows %d", name, thisWeek[name], mostOfName)
		case domains[domain] > mostOfDomain:
			return fmt.Errorf("%s would have %d new certificates within a week, and an authority allows %d", domain, domains[domain], mostOfDomain)
		}
	}
	return nil
}

// registered is the domain that somebody registered: example.co.uk of www.example.co.uk.
func registered(name string) string {
	domain, err := publicsuffix.EffectiveTLDPlusOne(name)
	if err != nil {
		return name
	}
	return domain
}

// orders reads what was ordered from this host.
func orders(ctx context.Context, h node.Host, t stack.Target) ([]order, error) {
	raw, err := h.ReadFile(ctx, t.At(stack.OrdersFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []order
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, stack.Fault(stack.CauseStep, "read "+t.At(stack.OrdersFile), err, "move the file away: it counts which certificates were asked for within a week, and no more")
	}
	return list, nil
}

// noteOrders keeps on the host what the edge is about to order.
func (x *executor) noteOrders(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	list, err := orders(ctx, x.server, x.d.Target)
	if err != nil {
		return err
	}
	now := x.hostNow()
	list = slices.DeleteFunc(list, func(o order) bool { return now.Sub(o.At) >= week })
	for _, name := range names {
		for range ordering(x.d.Target) {
			list = append(list, order{name, now.Truncate(time.Second)})
		}
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return err
	}
	if err := x.put(ctx, stack.OrdersFile, append(raw, '\n'), 0o600); err != nil {
		return stack.Fault(stack.CauseStep, "note which certificates are ordered", err, "")
	}
	return nil
}
