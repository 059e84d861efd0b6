package edge

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/stack"
)

func maintained(allow ...string) Maintenance {
	return Maintenance{Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), By: "ada@laptop", Allow: allow, Doors: []Door{
		{Rules: []string{"Host(`example.org`)", "Host(`www.example.org`)"}, EntryPoints: []string{"websecure"}},
		{Rules: []string{"HostRegexp(`^.+\\.example\\.org$`)"}, EntryPoints: []string{"websecure"}, Options: "modern"},
	}}
}

func TestMaintenanceClosesWhatMatchesARuleButForWhoIsLetIn(t *testing.T) {
	f, err := maintained("203.0.113.5", "2001:db8::/64").File()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"rule: ((Host(`example.org`)) || (Host(`www.example.org`))) && !ClientIP(`203.0.113.5`) && !ClientIP(`2001:db8::/64`)\n",
		"options: modern\n", "rejectStatusCode: 503\n", "Retry-After: \"120\"\n", "stackctl-maintenance-1:\n",
	} {
		if !strings.Contains(string(f.Content), want) {
			t.Errorf("it lacks %s:\n%s", want, f.Content)
		}
	}
	f, _ = maintained().File()
	if want := "rule: (Host(`example.org`)) || (Host(`www.example.org`))\n"; !strings.Contains(string(f.Content), want) {
		t.Errorf("it lacks %s:\n%s", want, f.Content)
	}
	if got := maintained().Host("shop.example"); got != "example.org" {
		t.Errorf("a host that is closed is %s", got)
	}
	pattern := Maintenance{Doors: maintained().Doors[1:]}
	if got := pattern.Host("shop.example"); got != "shop.example" {
		t.Errorf("where rules name no host it is %s", got)
	}
	routes, err := Routes([]stack.File{f})
	if err != nil || len(routes) != 2 {
		t.Errorf("its routers are %v, %v", routes, err)
	}
}

func TestMaintenanceIsReadBackAsItWasWritten(t *testing.T) {
	want := maintained("203.0.113.5")
	f, _ := want.File()
	got, err := ReadMaintenance(f.Content)
	if err != nil || !got.Since.Equal(want.Since) || got.By != want.By || len(got.Rules()) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	for name, raw := range map[string]string{
		"edited":           strings.Replace(string(f.Content), "503", "200", 1),
		"somebody else's":  "http: {}\n",
		"a broken line":    maintenanceHead + "{\n",
		"empty":            "",
		"a door more":      strings.Replace(string(f.Content), "doors\":[", "doors\":[{\"rules\":[\"Host(`x`)\"],\"entry_points\":[\"web\"]},", 1),
		"something behind": string(f.Content) + "# more\n",
	} {
		if _, err := ReadMaintenance([]byte(raw)); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
}

func TestNetworksAreReadAsTraefikTakesThem(t *testing.T) {
	for text, want := range map[string]string{
		"203.0.113.5": "203.0.113.5", "203.0.113.5/24": "203.0.113.0/24", "2001:DB8::1": "2001:db8::1", "::ffff:203.0.113.5": "203.0.113.5",
	} {
		if got, err := Network(text); err != nil || got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "me", "203.0.113", "203.0.113.5/33", "fe80::1%eth0", "10.0.0.1`) || Host(`x"} {
		if got, err := Network(text); err == nil {
			t.Errorf("%q is taken for %s", text, got)
		}
	}
}

func FuzzReadMaintenance(f *testing.F) {
	file, _ := maintained("203.0.113.5").File()
	f.Add(file.Content)
	f.Add([]byte(maintenanceHead + "{\"doors\":null}\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if m, err := ReadMaintenance(raw); err == nil {
			if again, err := m.File(); err != nil || string(again.Content) != string(raw) {
				t.Errorf("%q is taken and written otherwise", raw)
			}
		}
	})
}

// The names of the routers stay when who is let in changes: their rules tell.
func TestRoutersAreWaitedForByTheirRules(t *testing.T) {
	before, now := maintained(), maintained("203.0.113.5")
	loaded := make([]map[string]string, 0, 2)
	for name, rule := range before.Rules() {
		loaded = append(loaded, map[string]string{"name": name + "@file", "rule": rule, "status": "enabled"})
	}
	traefik := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(loaded) }))
	defer traefik.Close()
	api := API{Address: strings.TrimPrefix(traefik.URL, "http://"), Dial: (&net.Dialer{}).DialContext}
	wait := func(m Maintenance, there bool) error {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		return api.WaitRouters(ctx, "http", m.Rules(), there)
	}
	if err := wait(before, true); err != nil {
		t.Errorf("what is loaded: %v", err)
	}
	if err := wait(now, true); err == nil || !strings.Contains(err.Error(), "the rule of before") {
		t.Errorf("what is not loaded yet: %v", err)
	}
	if err := wait(before, false); err == nil || !strings.Contains(err.Error(), "still loaded") {
		t.Errorf("what is there and must go: %v", err)
	}
	loaded = nil
	if err := wait(before, false); err != nil {
		t.Errorf("what is gone: %v", err)
	}
}
