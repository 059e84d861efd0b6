package swarm

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

// tree writes files below a new folder; a name that ends in ! is read-only.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"tmp", "edge/dynamic"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func shell(t *testing.T, in []byte, script string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("sh", append([]string{"-c", script, "sh"}, args...)...)
	var out, said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	return out.Bytes()
}

func TestANodeThatWasAwayGetsWhatTheOthersHave(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("it runs on servers, which are Linux")
	}
	home := tree(t, map[string]string{"releases/2/release.json": "two", "releases/1/release.json": "one, failed", "releases/2/secrets/key": "hidden", "secrets/abc/key": "hidden", "files/x/a": "a", "edge/dynamic/routes.yml": "new", "edge/dynamic/stackctl-challenge.yml": "asks"})
	away := tree(t, map[string]string{"releases/1/release.json": "one", "files/x/a": "a", "files/y/b": "b", "edge/dynamic/routes.yml": "old", "edge/dynamic/gone.yml": "old", "turn": "3"})
	packed := shell(t, nil, packScript, append([]string{home}, kept...)...)
	if bytes.Contains(packed, []byte("hidden")) {
		t.Error("a secret is sent")
	}
	for range 2 { // again, as after a run that was cut off
		shell(t, packed, unpackScript, away, "/routes.yml/stackctl-challenge.yml/")
	}
	for name, want := range map[string]string{"releases/2/release.json": "two", "releases/1/release.json": "one, failed", "files/x/a": "a", "files/y/b": "b", "edge/dynamic/routes.yml": "new", "edge/dynamic/stackctl-challenge.yml": "asks", "turn": "3"} {
		if got, err := os.ReadFile(filepath.Join(away, name)); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"edge/dynamic/gone.yml", "releases/2/secrets", "secrets", "tmp/aligned"} {
		if _, err := os.Stat(filepath.Join(away, name)); err == nil {
			t.Errorf("%s is there", name)
		}
	}
	// A project that has nothing yet has nothing to send.
	shell(t, shell(t, nil, packScript, append([]string{tree(t, nil)}, kept...)...), unpackScript, away, "/routes.yml/stackctl-challenge.yml/")
}

func TestWhoMissedARunIsNotBelieved(t *testing.T) {
	one, two, three := &member{Node: stack.Node{Name: "one"}}, &member{Node: stack.Node{Name: "two"}}, &member{Node: stack.Node{Name: "three"}}
	c := &Cluster{members: []*member{one, two, three}}
	for _, try := range []struct {
		turns []int64
		home  *member
		away  int
	}{
		{[]int64{0, 0, 0}, one, 0}, {[]int64{4, 4, 4}, one, 0}, {[]int64{3, 4, 4}, two, 1}, {[]int64{3, 3, 4}, three, 2},
	} {
		turn := map[*member]int64{}
		for i, m := range c.members {
			turn[m] = try.turns[i]
		}
		if got := latest(c.members, turn); got != try.home || len(c.behind(try.turns)) != try.away {
			t.Errorf("%v: home is %s, %d were away", try.turns, got.Name, len(c.behind(try.turns)))
		}
	}
}
