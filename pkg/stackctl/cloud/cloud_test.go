package cloud_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/cloud"
	"stackctl/pkg/stackctl/digitalocean"
	"stackctl/pkg/stackctl/digitalocean/fake"
	"stackctl/pkg/stackctl/stack"
)

// office is an account, who rents there, and what is kept of it.
type office struct {
	*fake.API
	cloud.Landlord
	place       cloud.Place
	known       stack.MadeHost
	said, notes []string
}

func newOffice(t *testing.T) *office {
	t.Helper()
	open, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(open)
	if err != nil {
		t.Fatal(err)
	}
	o := &office{API: fake.New(t)}
	o.place = cloud.Place{Project: "shop", Target: "prod", From: stack.DigitalOcean{Region: "fra1", Size: "s-1vcpu-1gb", Image: "debian-12-x64"},
		Hosts: []string{"shop.example.org", "www.example.net"}, Ports: []int{2222}, SSHPort: 22, PublicKey: string(ssh.MarshalAuthorizedKey(key))}
	o.Landlord = cloud.Landlord{API: digitalocean.New(o.URL, fake.Token), Now: time.Now, Pause: func(ctx context.Context, _ time.Duration) error { return context.Cause(ctx) },
		Keep: func(h stack.MadeHost) error { o.known = h; return nil },
		Say:  func(line string) { o.said = append(o.said, line) }, Note: func(line string) { o.notes = append(o.notes, line) },
		Settle: func(_ context.Context, h stack.MadeHost) (stack.MadeHost, error) { h.Settled = true; return h, nil }}
	o.API.Zones["example.org"] = nil
	return o
}

func (o *office) create(t *testing.T) stack.MadeHost {
	t.Helper()
	h, err := o.Create(t.Context(), o.place, o.known)
	if err != nil {
		t.Fatal(err)
	}
	o.known = h
	return h
}

// leads are a zone's records as text.
func (o *office) leads(zone string) string {
	var out []string
	for _, r := range o.API.Zones[zone] {
		out = append(out, r.Type+" "+r.Name+" "+r.Data)
	}
	slices.Sort(out)
	return strings.Join(out, "; ")
}

func TestAServerIsMadeWithWhatBelongsToIt(t *testing.T) {
	o := newOffice(t)
	h := o.create(t)
	if h.Name != "shop-prod" || h.Address != "203.0.113.7" || h.Address6 != "2001:db8::7" || !h.Settled || len(o.Droplets) != 1 {
		t.Fatalf("it is %+v", h)
	}
	order := o.Orders[0]
	if fmt.Sprint(order.Tags) != "[stackctl:shop stackctl:shop:prod]" || !order.IPv6 || order.Keys[0] != o.API.Keys[strings.TrimSpace(o.place.PublicKey)] {
		t.Errorf("the order is %+v", order)
	}
	f := o.API.Firewalls[0]
	var let []string
	for _, r := range f.Inbound {
		let = append(let, r.Protocol+r.Ports)
	}
	if fmt.Sprint(let) != "[tcp22 tcp80 tcp443 tcp2222 udp2222 icmp]" || fmt.Sprint(f.Tags) != "[stackctl:shop:prod]" {
		t.Errorf("the firewall is %+v", f)
	}
	if got := o.leads("example.org"); got != "A shop 203.0.113.7; AAAA shop 2001:db8::7" {
		t.Errorf("the zone has %s", got)
	}
	if len(o.notes) != 1 || !strings.Contains(o.notes[0], "no zone of www.example.net: set A 203.0.113.7 and AAAA 2001:db8::7") {
		t.Errorf("the notes are %q", o.notes)
	}
	// The firewall comes before the server: it is never without.
	if fw, made := slices.Index(o.Calls, "POST /v2/firewalls"), slices.Index(o.Calls, "POST /v2/droplets"); fw < 0 || fw > made {
		t.Errorf("the calls are %v", o.Calls)
	}
}

func TestTheOrderBringsTheHostKeyThatIsPinned(t *testing.T) {
	o := newOffice(t)
	h := o.create(t)
	data := o.Orders[0].UserData
	var doc struct {
		Delete bool `yaml:"ssh_deletekeys"`
		Keys   struct {
			Private string `yaml:"ed25519_private"`
			Public  string `yaml:"ed25519_public"`
		} `yaml:"ssh_keys"`
	}
	if err := yaml.Unmarshal([]byte(data), &doc); err != nil || !strings.HasPrefix(data, "#cloud-config\n") || !doc.Delete {
		t.Fatalf("%v\n%s", err, data)
	}
	signer, err := ssh.ParsePrivateKey([]byte(doc.Keys.Private))
	if err != nil {
		t.Fatal(err)
	}
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	if line != doc.Keys.Public || !slices.Equal(h.HostKeys, []string{line}) || cloud.KnownHosts("203.0.113.7", h) != "203.0.113.7 "+line+"\n" {
		t.Errorf("it pins %q, and the server has %s", h.HostKeys, line)
	}
}

func TestASecondCreateMakesNothing(t *testing.T) {
	o := newOffice(t)
	first := o.create(t)
	calls := len(o.Calls)
	if second := o.create(t); second.ID != first.ID || !slices.Equal(second.HostKeys, first.HostKeys) {
		t.Errorf("it is %+v, was %+v", second, first)
	}
	for _, call := range o.Calls[calls:] {
		if !strings.HasPrefix(call, http.MethodGet) {
			t.Errorf("it changes something: %s", call)
		}
	}
}

// Whatever create is cut off at, the next one goes on from there.
func TestACreateThatWasCutOffIsTakenUp(t *testing.T) {
	for _, call := range []string{"GET /v2/droplets", "POST /v2/tags", "GET /v2/firewalls", "POST /v2/firewalls", "GET /v2/account/keys", "POST /v2/account/keys", "POST /v2/droplets", "GET /v2/droplets/", "GET /v2/domains", "POST /v2/domains"} {
		for _, after := range []bool{false, true} {
			o := newOffice(t)
			for range 3 {
				o.Failures = append(o.Failures, fake.Failure{Call: call, Status: http.StatusForbidden, Message: "no", After: after})
			}
			if _, err := o.Create(t.Context(), o.place, o.known); err == nil {
				t.Fatalf("%s: no error", call)
			}
			o.Failures = nil
			h := o.create(t)
			if len(o.Droplets) != 1 || len(o.API.Firewalls) != 1 || o.leads("example.org") != "A shop 203.0.113.7; AAAA shop 2001:db8::7" || len(h.HostKeys) != 1 || !strings.Contains(o.Orders[0].UserData, h.HostKeys[0]) {
				t.Errorf("%s, done %v: %d droplets, %d firewalls, %s, %q", call, after, len(o.Droplets), len(o.API.Firewalls), o.leads("example.org"), h.HostKeys)
			}
		}
	}
}

func TestCtrlCWhileItStartsLeavesWhatTheNextOneTakesUp(t *testing.T) {
	o := newOffice(t)
	o.Slow = 1 << 20
	ctx, cancel := context.WithCancel(t.Context())
	o.Pause = func(context.Context, time.Duration) error { cancel(); return context.Canceled }
	if _, err := o.Create(ctx, o.place, o.known); stack.CauseOf(err) != stack.CauseInterrupted {
		t.Fatalf("it ends with %v", err)
	}
	o.Slow, o.Pause = 2, func(context.Context, time.Duration) error { return nil }
	if h := o.create(t); h.Address == "" || len(o.Orders) != 1 {
		t.Errorf("it is %+v after %d orders", h, len(o.Orders))
	}
}

func TestAServerThatAnotherMachineMadeHasNoKnownKey(t *testing.T) {
	o := newOffice(t)
	o.create(t)
	o.known = stack.MadeHost{}
	if h := o.create(t); len(h.HostKeys) != 0 || len(o.Orders) != 1 {
		t.Errorf("it pins %q", h.HostKeys)
	}
}

// One that was removed in the control panel, and made anew from another machine.
func TestAServerInThePlaceOfOneThatIsKnownHasNoKnownKey(t *testing.T) {
	o := newOffice(t)
	o.create(t)
	o.Droplets[0].ID = 77
	if h := o.create(t); h.ID != 77 || h.Settled && len(h.HostKeys) != 0 {
		t.Errorf("it is %+v", h)
	}
}

func TestCreateRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(o *office)
		cause   stack.Cause
		says    string
	}{
		"two servers": {func(o *office) {
			for id := range 2 {
				o.Droplets = append(o.Droplets, digitalocean.Droplet{ID: id, Tags: []string{"stackctl:shop:prod"}})
			}
		}, stack.CauseUsage, "2 droplets have the tag stackctl:shop:prod"},
		"a firewall of others":  {func(o *office) { o.API.Firewalls = []digitalocean.Firewall{{ID: "f", Name: "shop-prod"}} }, stack.CauseUsage, "is not for the tag"},
		"a region that is none": {func(o *office) { o.place.From.Region = "atlantis1" }, stack.CauseUsage, "invalid region"},
		"no right":              {func(o *office) { o.Forbidden = []string{"POST /v2/droplets"} }, stack.CauseUsage, "scopes"},
		"a key that is none":    {func(o *office) { o.place.PublicKey = "ssh-rsa nonsense" }, stack.CauseUsage, "ssh_key"},
		"it is off": {func(o *office) {
			o.Droplets = []digitalocean.Droplet{{ID: 1, Status: "off", Tags: []string{"stackctl:shop:prod"}}}
		}, stack.CauseStep, "it is off"},
		"it takes for ever": {func(o *office) {
			o.Slow = 1 << 20
			now := time.Now()
			o.Now = func() time.Time { now = now.Add(time.Minute); return now }
		}, stack.CauseStep, "it is new after 10m0s"},
	} {
		o := newOffice(t)
		c.prepare(o)
		_, err := o.Create(t.Context(), o.place, o.known)
		if err == nil || stack.CauseOf(err) != c.cause || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), fake.Token) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAFirewallThatDiffersIsChangedAndKeepsWhoIsBehindIt(t *testing.T) {
	o := newOffice(t)
	o.create(t)
	o.API.Firewalls[0].Droplets = []int{7}
	o.place.Ports = nil
	o.create(t)
	if f := o.API.Firewalls[0]; len(o.API.Firewalls) != 1 || len(f.Inbound) != 4 || !slices.Equal(f.Droplets, []int{7}) {
		t.Errorf("it is %+v", f)
	}
}

func TestANameThatLeadsElsewhereIsLeftAndTold(t *testing.T) {
	o := newOffice(t)
	o.API.Zones["example.org"] = []digitalocean.Record{{ID: 1, Type: "A", Name: "shop", Data: "198.51.100.1"}}
	o.create(t)
	if got := o.leads("example.org"); got != "A shop 198.51.100.1; AAAA shop 2001:db8::7" {
		t.Errorf("the zone has %s", got)
	}
	if !strings.Contains(strings.Join(o.notes, "\n"), "shop.example.org leads to 198.51.100.1") {
		t.Errorf("the notes are %q", o.notes)
	}
}

func TestDestroyRemovesWhatWasMadeAndNothingElse(t *testing.T) {
	o := newOffice(t)
	o.create(t)
	foreign := digitalocean.Droplet{ID: 1, Name: "shop-prod", Tags: []string{"stackctl:shop:staging"}}
	o.Droplets = append(o.Droplets, foreign)
	o.API.Firewalls = append(o.API.Firewalls, digitalocean.Firewall{ID: "other", Name: "other"})
	o.API.Zones["example.org"] = append(o.API.Zones["example.org"], digitalocean.Record{ID: 2, Type: "A", Name: "shop", Data: "198.51.100.1"}, digitalocean.Record{ID: 3, Type: "A", Name: "mail", Data: "203.0.113.7"})
	r, err := o.Removal(t.Context(), o.place, o.known)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"droplet shop-prod (", "its firewall", "DNS record A shop.example.org 203.0.113.7", "DNS record AAAA shop.example.org 2001:db8::7", "stays: DNS record A shop.example.org: it leads to 198.51.100.1"}
	for i, line := range r.Lines() {
		if i >= len(want) || !strings.HasPrefix(line, want[i]) {
			t.Errorf("line %d is %q", i, line)
		}
	}
	if err := o.Destroy(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if len(o.Droplets) != 1 || o.Droplets[0].ID != 1 || len(o.API.Firewalls) != 1 || o.leads("example.org") != "A mail 203.0.113.7; A shop 198.51.100.1" {
		t.Errorf("what is left: %+v, %+v, %s", o.Droplets, o.API.Firewalls, o.leads("example.org"))
	}
	// Names go first: an address is the next tenant's.
	if names, server := slices.IndexFunc(o.Calls, func(c string) bool { return strings.HasPrefix(c, "DELETE /v2/domains") }), slices.IndexFunc(o.Calls, func(c string) bool { return strings.HasPrefix(c, "DELETE /v2/droplets") }); names > server {
		t.Errorf("the calls are %v", o.Calls)
	}
}

func TestAFirewallThatOthersAreBehindStays(t *testing.T) {
	o := newOffice(t)
	o.create(t)
	o.API.Firewalls[0].Tags = append(o.API.Firewalls[0].Tags, "others")
	r, err := o.Removal(t.Context(), o.place, o.known)
	if err == nil {
		err = o.Destroy(t.Context(), r)
	}
	if err != nil || len(o.API.Firewalls) != 1 || len(o.Droplets) != 0 || !slices.Contains(o.Tags, "stackctl:shop:prod") {
		t.Errorf("%v: %+v, %+v, %v", err, o.API.Firewalls, o.Droplets, o.Tags)
	}
}

func TestADestroyThatWasCutOffIsTakenUp(t *testing.T) {
	for _, call := range []string{"DELETE /v2/domains", "DELETE /v2/droplets", "DELETE /v2/firewalls", "DELETE /v2/tags"} {
		for _, after := range []bool{false, true} {
			o := newOffice(t)
			o.create(t)
			o.Failures = []fake.Failure{{Call: call, Status: http.StatusForbidden, Message: "no", After: after}}
			for range 2 {
				r, err := o.Removal(t.Context(), o.place, o.known)
				if err != nil {
					t.Fatal(err)
				}
				_ = o.Destroy(t.Context(), r) // the first one fails
			}
			if len(o.Droplets)+len(o.API.Firewalls) != 0 || o.leads("example.org") != "" {
				t.Errorf("%s, done %v: %d droplets, %d firewalls, %s", call, after, len(o.Droplets), len(o.API.Firewalls), o.leads("example.org"))
			}
		}
	}
}
