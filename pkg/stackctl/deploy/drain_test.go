package deploy

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/backup"
	"stackctl/pkg/stackctl/stack"
)

func TestOnlyWhatIsBackedUpMoves(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	if _, err := backup.KeyGen(key, time.Now()); err != nil {
		t.Fatal(err)
	}
	db := stack.Kept{Service: "db", Layer: stack.LayerData, Volume: "shop_pg"}
	files := stack.Kept{Service: "mongo", Layer: stack.LayerData, Volume: "shop_m"}
	places := []backup.Place{{Name: "db", Kind: backup.PostgreSQL, Service: "db"}, {Name: "shop_m", Kind: backup.Files, Service: "mongo", Target: "/data", Writers: []string{"mongo"}}}
	for name, c := range map[string]struct {
		kept   []stack.Kept
		places []backup.Place
		key    string
		moved  []string
		want   string
	}{
		"nothing":                {nil, places, key, nil, ""},
		"a database and files":   {[]stack.Kept{db, files, db}, places, key, []string{"db", "shop_m"}, ""},
		"what has no backup":     {[]stack.Kept{db, files}, places[:1], key, nil, "shop_m of service mongo is not backed up"},
		"another volume of it":   {[]stack.Kept{{Service: "mongo", Layer: stack.LayerData, Volume: "shop_log"}}, places, key, nil, "shop_log of service mongo is not backed up"},
		"one of the app layer":   {[]stack.Kept{{Service: "web", Layer: stack.LayerApp, Volume: "shop_m"}}, places, key, nil, "by hand alone"},
		"no key to read it with": {[]stack.Kept{db}, places, key + "-none", nil, "there is no"},
	} {
		v := &move{story: &story{d: &Deployer{Config: stack.Config{Backup: stack.Backup{Identity: c.key}}}}, kept: c.kept}
		got, err := v.covered(c.places)
		var moved []string
		for _, p := range got {
			moved = append(moved, p.Name)
		}
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || err == nil && !slices.Equal(moved, c.moved) {
			t.Errorf("%s: %v, %v", name, moved, err)
		}
	}
}

func TestADrainIsRefusedThatCannotBeMeant(t *testing.T) {
	kept := []stack.Kept{{Volume: "shop_pg"}}
	for name, c := range map[string]struct {
		v    move
		away bool
		want string
	}{
		"it answers":                 {move{node: "n", kept: kept}, false, ""},
		"away, without data":         {move{node: "n"}, true, ""},
		"away, from a backup":        {move{node: "n", kept: kept, from: "latest"}, true, ""},
		"away, with data":            {move{node: "n", kept: kept}, true, "volume shop_pg is there"},
		"it answers, from a backup":  {move{node: "n", kept: kept, from: "latest"}, false, "what it holds now is moved"},
		"from one that is not named": {move{node: "n", kept: kept, from: "shop-1"}, true, "--from is latest"},
	} {
		if err := c.v.asked("drain", c.away); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A cluster is never deployed to beside the containers of the one server that it was.
func TestOneServersContainersAreNotDeployedBeside(t *testing.T) {
	several := stack.Target{Name: "prod", Nodes: []stack.Node{{Name: "node1"}}}
	labels := func(more ...string) map[string]string {
		out := map[string]string{stack.LabelProject: "shop", stack.LabelLayer: "data"}
		for i := 0; i < len(more); i += 2 {
			out[more[i]] = more[i+1]
		}
		return out
	}
	for name, c := range map[string]struct {
		target stack.Target
		labels map[string]string
		want   bool
	}{
		"as on one server":  {several, labels(), true},
		"on one server":     {stack.Target{Name: "prod"}, labels(), false},
		"a Swarm's":         {several, labels(stack.LabelSwarm, "x"), false},
		"another project's": {several, labels(stack.LabelProject, "shop-eu"), false},
		"lent for a moment": {several, map[string]string{stack.LabelLoan: "shop"}, false},
	} {
		err := checkPlain("shop", c.target, stack.Observed{Containers: []stack.Container{{Node: "node1", Labels: c.labels}}})
		if (err != nil) != c.want || c.want && stack.CauseOf(err) != stack.CauseUsage {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The ingress of one server holds the ports until no project is behind it.
func TestOneServersIngressBarsACluster(t *testing.T) {
	several := stack.Target{Name: "prod", Nodes: []stack.Node{{Name: "node1"}, {Name: "node2"}}}
	ingress := stack.Container{Name: "stackctl-ingress-ingress-1", Node: "node1", Networks: []string{stack.IngressProject}, Labels: map[string]string{stack.LabelIngress: "3"}}
	swarms := stack.Container{Node: "node1", Networks: []string{stack.IngressProject}, Labels: map[string]string{stack.LabelIngress: "3", stack.LabelSwarm: "x"}}
	edge := func(project, node string, labels ...string) stack.Container {
		c := stack.Container{Node: node, Networks: []string{stack.IngressProject}, Labels: map[string]string{stack.LabelProject: project, stack.LabelLayer: "edge"}}
		for _, l := range labels {
			c.Labels[l] = "x"
		}
		return c
	}
	for name, c := range map[string]struct {
		seen []stack.Container
		want string
	}{
		"none":                     {nil, ""},
		"the Swarm's":              {[]stack.Container{swarms, edge("blog", "node1", stack.LabelSwarm)}, ""},
		"one that leads to nobody": {[]stack.Container{ingress}, "leads to no project any more"},
		"another project's":        {[]stack.Container{ingress, edge("wiki", "node1"), edge("blog", "node1"), edge("blog", "node1")}, "leads to blog, wiki"},
		"on another node":          {[]stack.Container{ingress, edge("blog", "node2"), edge("blog", "node1", stack.LabelSwarm)}, "leads to no project any more"},
	} {
		err := checkPlain("shop", several, stack.Observed{Containers: c.seen})
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || stack.CauseOf(err) != stack.CauseUsage) {
			t.Errorf("%s: %v", name, err)
		}
		if err := checkPlain("shop", stack.Target{}, stack.Observed{Containers: c.seen}); err != nil {
			t.Errorf("%s, on one server: %v", name, err)
		}
	}
}

func TestDataMovesToANodeThatHasTheStoresImage(t *testing.T) {
	want, seen := onNodes()
	for name, c := range map[string]struct {
		slot  string
		moved []string
		want  string
	}{
		"it has it":              {"n2", []string{"db"}, ""},
		"it lacks it":            {"n3", []string{"db"}, "n3 lacks image postgres:16 of db"},
		"nothing of it is moved": {"n3", nil, ""},
	} {
		v := &move{seen: seen, names: c.moved}
		err := v.hasImages(want.Release, []stack.Slot{{Service: "db", N: 1, Nodes: []string{c.slot}}})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A store that does not run is backed up as nothing: its data would be left behind.
func TestWhatHoldsNothingIsNotMoved(t *testing.T) {
	v, places := &move{node: "node1"}, []backup.Place{{Name: "db", Service: "db"}, {Name: "cache", Service: "redis"}}
	for name, c := range map[string]struct {
		names []string
		want  string
	}{
		"both are taken":     {[]string{"shop-1", "shop-2"}, ""},
		"one holds nothing":  {[]string{"shop-1", ""}, "see whether redis runs"},
		"the backup failed":  {nil, ""}, // which is the error
		"neither is running": {[]string{"", ""}, "see whether db runs"},
	} {
		fix := ""
		if err := v.checkTaken(places, c.names); err != nil {
			_, fix = stack.Explain(err)
		}
		if !strings.Contains(fix, c.want) || c.want == "" && fix != "" {
			t.Errorf("%s: %q", name, fix)
		}
	}
}
