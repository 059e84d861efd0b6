package harden

import (
	"reflect"
	"strings"
	"testing"
)

func TestTheOverrideTellsWhyOnEachLine(t *testing.T) {
	verdicts := []Verdict{
		{Service: "web", Bears: Setting{ReadOnly: true, Tmpfs: []string{"/run", "/tmp"}, DropAll: true, NoNewPrivileges: true, User: nobody, Memory: 160 * mib, Tasks: 256}},
		{Service: "db", UnderDeploy: true, Bears: Setting{DropAll: true, CapAdd: []string{"CHOWN", "SETUID"}, User: "no$de", ImageUser: true, Memory: 128 * mib, Tasks: 320},
			Left: []Left{{ReadOnly, withdrawn, "secret-ish line"}}},
		{Service: "bare", Left: []Left{{ReadOnly, withdrawn, ""}}},
		{Service: "agent", Untried: "it is privileged"},
	}
	const want = head + `services:
  db:
    cap_drop: [ALL] # root in the container is little more than a user
    cap_add: [CHOWN, SETUID] # it does not get ready without
    user: "no$$de" # as its image says
    deploy:
      resources:
        limits:
          memory: 128m # with room above what it used
          pids: 320 # no fork bomb, and room above what it had
    # without read_only: it does not get ready with it

  web:
    read_only: true # nobody who gets in changes the program
    tmpfs:
      - /run:mode=1777,size=64m # held in memory: what is there goes with the container
      - /tmp:mode=1777,size=64m # held in memory: what is there goes with the container
    cap_drop: [ALL] # root in the container is little more than a user
    security_opt: ["no-new-privileges:true"] # no program in it gains rights
    user: "65532:65532" # not root, and no user of the image or the server
    mem_limit: 160m # with room above what it used
    pids_limit: 256 # no fork bomb, and room above what it had
`
	project := []string{"agent", "bare", "db", "web"}
	got := Override(verdicts, nil, project)
	if string(got) != want {
		t.Fatalf("it is\n%s\nwant\n%s", got, want)
	}
	if again := Override(verdicts, got, project); string(again) != want {
		t.Errorf("a second run makes of it\n%s", again)
	}
	// A run of one service keeps the others, but for those that the project has no more.
	if one := string(Override(verdicts[2:], got, []string{"bare", "db"})); !strings.Contains(one, "  db:\n    cap_drop") || strings.Contains(one, "web") {
		t.Errorf("a run of one service makes of it\n%s", one)
	}
	if none := Override(nil, nil, nil); string(none) != head+"services: {}\n" {
		t.Errorf("of nothing it makes\n%s", none)
	}
	settings := map[string]Setting{"db": {Memory: 128 * mib, Tasks: 320}, "web": {Tmpfs: []string{"/run", "/tmp"}, Memory: 160 * mib, Tasks: 256}}
	if read := Settings(got); !reflect.DeepEqual(read, settings) {
		t.Errorf("it is read as %v", read)
	}
}

func TestOnlyItsOwnFileIsTakenForOne(t *testing.T) {
	for _, text := range []string{"", "services: {}\n", "# mine\n" + head} {
		if Written([]byte(text)) || len(Settings([]byte(text))) > 0 {
			t.Errorf("%q is taken for one that harden wrote", text)
		}
	}
}
