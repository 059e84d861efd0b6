package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"stackctl/pkg/stackctl/cli"
	"stackctl/pkg/stackctl/evidence"
)

// run is one command line in a folder that holds the given files.
func run(t *testing.T, files map[string]string, args ...string) (exit int, text, dir string) {
	t.Helper()
	dir = t.TempDir()
	t.Chdir(dir)
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	exit = cli.Main(args, strings.NewReader(""), &out, &errs)
	return exit, out.String() + errs.String(), dir
}

const settings = "project: shop\ntargets:\n  prod: {host: 127.0.0.1, port: 1, domain: shop.example, key: none}\n"

const clustered = "project: shop\ntargets:\n  prod: {domain: shop.example, key: none, nodes: [{name: one, host: 127.0.0.1, port: 1}]}\n"

func TestBadInputIsExitCode2WithItsPlace(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		args  []string
		says  string
	}{
		"no settings file":   {nil, []string{"deploy"}, "stackctl init"},
		"empty settings":     {map[string]string{"stackctl.yaml": ""}, []string{"deploy"}, "holds no settings"},
		"malformed settings": {map[string]string{"stackctl.yaml": "project: [\n"}, []string{"deploy"}, "stackctl.yaml:"},
		"unknown key":        {map[string]string{"stackctl.yaml": "project: shop\nimagse: {}\n"}, []string{"deploy"}, `stackctl.yaml:2: unknown key "imagse"`},
		"unknown target":     {map[string]string{"stackctl.yaml": settings}, []string{"deploy", "--target", "staging"}, `no target "staging"`},
		"no compose file":    {map[string]string{"stackctl.yaml": settings}, []string{"deploy"}, "compose/stack.yaml"},
		"unknown verb":       {nil, []string{"depoly"}, "unknown command"},
		"unknown flag":       {nil, []string{"deploy", "--al-tests"}, "unknown flag"},
		"unknown output":     {nil, []string{"gates", "--output", "xml"}, "--output xml"},
		"stray argument":     {nil, []string{"deploy", "now"}, "now"},
		"unknown subcommand": {nil, []string{"sandbox", "start"}, "start"},
		"no evidence folder": {nil, []string{"evidence", "verify", "nowhere"}, "nowhere"},
		"existing settings":  {map[string]string{"stackctl.yaml": settings, "compose.yaml": "services: {web: {image: nginx}}\n"}, []string{"init"}, "exists already"},
		"nothing to init":    {nil, []string{"init"}, "there is no compose file"},
		"a server alone":     {map[string]string{"compose.yaml": "services: {web: {image: nginx}}\n"}, []string{"init", "--host", "203.0.113.7"}, "--domain is missing"},
		"a route to nowhere": {map[string]string{"compose.yaml": "services: {web: {image: nginx}}\n"}, []string{"init", "--route", "api:80"}, `no service "api"`},
		"a route of words":   {map[string]string{"compose.yaml": "services: {web: {image: nginx}}\n"}, []string{"init", "--route", "web:http"}, "SERVICE:PORT"},
		"logs of what":       {map[string]string{"stackctl.yaml": "project: shop\n"}, []string{"logs"}, "sandbox up"},
		"exec without":       {nil, []string{"exec", "api"}, "at least 2"},
		"exec, flags alone":  {nil, []string{"exec", "db", "--tty", "psql"}, "stackctl exec db -- COMMAND"},
		"exec of nothing":    {nil, []string{"exec", "db", "--"}, "stackctl exec db -- COMMAND"},
		"exec, a stray word": {nil, []string{"exec", "db", "--tty", "psql", "--", "x"}, "psql stands before the --"},
		"exec, no such flag": {nil, []string{"exec", "db", "--ttx", "--", "psql"}, "unknown flag: --ttx"},
		"exec, late flag":    {nil, []string{"exec", "db", "--target", "", "--", "psql"}, "--target names no target"},
		"fewer than no line": {nil, []string{"logs", "--tail", "-3"}, "--tail -3"},
		"an empty target":    {map[string]string{"stackctl.yaml": settings}, []string{"deploy", "--target", ""}, "--target names no target"},
		"a target too few":   {map[string]string{"stackctl.yaml": settings}, []string{"status", "-t", "prod,"}, "--target names no target"},
		"almost a verb":      {nil, []string{"depoy"}, "did you mean deploy?"},
		"unknown shell":      {nil, []string{"completion", "tcsh"}, `unknown command "tcsh"`},
		"unknown topic":      {nil, []string{"help", "depoly"}, `no command "depoly"`},
		"no target at once":  {nil, []string{"deploy", "--parallel", "0"}, "--parallel 0"},
		"a wait gone by":     {nil, []string{"rollback", "--lock-wait", "-5m"}, "--lock-wait"},
		"no release's name":  {nil, []string{"rollback", ""}, "name is empty"},
		"several servers":    {map[string]string{"stackctl.yaml": clustered}, []string{"harden", "--any-target"}, "it is a cluster"},
		"no sandbox":         {map[string]string{"stackctl.yaml": settings}, []string{"harden"}, "127.0.0.1 is no sandbox of this project"},
		"another's override": {map[string]string{"stackctl.yaml": settings, "compose.hardened.yaml": "services: {}\n"}, []string{"harden", "--any-target"}, "not one that harden wrote"},
		"an only override":   {map[string]string{"stackctl.yaml": settings + "compose: {files: [compose.hardened.yaml]}\n", "compose.hardened.yaml": "# Written by `stackctl harden`.\n"}, []string{"harden", "--any-target", "--force"}, "not one that harden wrote"},
		"no override":        {map[string]string{"stackctl.yaml": settings}, []string{"harden", "--any-target", "--write", ""}, "--write names no file"},
		"settings folder":    {map[string]string{"conf/x": ""}, []string{"gates", "--config", "conf"}, "is a directory"},
		"settings device":    {nil, []string{"gates", "--config", os.DevNull}, "no ordinary file"},
	} {
		t.Run(name, func(t *testing.T) {
			exit, text, _ := run(t, c.files, c.args...)
			if exit != cli.ExitUsage || !strings.Contains(text, c.says) {
				t.Errorf("exit code %d, want %d with %q in\n%s", exit, cli.ExitUsage, c.says, text)
			}
			if strings.Contains(text, "goroutine ") {
				t.Errorf("a stack trace reached a person:\n%s", text)
			}
		})
	}
}

func TestADeployThatCannotBeginLeavesEveryArtifact(t *testing.T) {
	_, _, dir := run(t, map[string]string{"stackctl.yaml": "project: shop\nimagse: {}\n"}, "deploy")
	runs, err := os.ReadDir(filepath.Join(dir, "artifacts"))
	if err != nil || len(runs) != 1 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	for _, name := range evidence.Names() {
		if _, err := os.Stat(filepath.Join(dir, "artifacts", runs[0].Name(), name)); err != nil {
			t.Errorf("artifact %s: %v", name, err)
		}
	}
	raw, err := os.ReadFile(filepath.Join(dir, "artifacts", runs[0].Name(), "report.json"))
	if err != nil || !strings.Contains(string(raw), "imagse") {
		t.Errorf("the report does not give the reason: %v", err)
	}
}

func TestAnArtifactFolderThatCannotBeWrittenIsRefused(t *testing.T) {
	exit, text, _ := run(t, map[string]string{"stackctl.yaml": settings + "evidence: {dir: taken}\n", "taken": "a file"}, "deploy")
	if exit != cli.ExitUsage || !strings.Contains(text, "evidence.dir") {
		t.Errorf("exit code %d\n%s", exit, text)
	}
}

func TestMissingSecretsAreMadeOnceAndNeverReplaced(t *testing.T) {
	files := map[string]string{
		"stackctl.yaml": settings,
		"compose/stack.yaml": "services: {a: {image: a:1}}\nsecrets:\n  staff_password: {file: ../secrets/staff_password}\n" +
			"  staff_htpasswd: {file: ../secrets/staff_htpasswd}\n  mine: {file: ../secrets/mine}\n",
		"secrets/mine": "chosen by me",
	}
	exit, text, dir := run(t, files, "init", "--secrets")
	if exit != cli.ExitDone || !strings.Contains(text, "2 of 3") {
		t.Fatalf("exit code %d\n%s", exit, text)
	}
	read := func(name string) string {
		raw, err := os.ReadFile(filepath.Join(dir, "secrets", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	password := read("staff_password")
	if read("mine") != "chosen by me" || len(password) < 40 || !strings.HasPrefix(read("staff_htpasswd"), "staff:$2a$") {
		t.Error("the secrets are not what they must be")
	}
	if strings.Contains(text, strings.TrimSpace(password)) {
		t.Error("a secret was printed")
	}
	info, err := os.Stat(filepath.Join(dir, "secrets", "staff_password"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	var out bytes.Buffer
	if exit := cli.Main([]string{"init", "--secrets"}, nil, &out, &out); exit != cli.ExitDone || read("staff_password") != password {
		t.Errorf("the second run: exit code %d\n%s", exit, out.String())
	}
}

func TestInitWritesSettingsThatLoad(t *testing.T) {
	exit, text, dir := run(t, map[string]string{"compose.yaml": "services: {web: {image: nginx, ports: [\"8080:80\"]}}\n"}, "init")
	if exit != cli.ExitDone {
		t.Fatalf("exit code %d\n%s", exit, text)
	}
	name := strings.ToLower(filepath.Base(dir))
	raw, err := os.ReadFile(filepath.Join(dir, "stackctl.yaml"))
	if err != nil || !strings.Contains(string(raw), "project: ") || !strings.Contains(string(raw), name) {
		t.Errorf("%v\n%s", err, raw)
	}
	// The settings load: what is missing is the target.
	var out bytes.Buffer
	if exit := cli.Main([]string{"check"}, nil, &out, &out); exit != cli.ExitUsage || !strings.Contains(out.String(), "no target is named") {
		t.Errorf("exit code %d\n%s", exit, out.String())
	}
	out.Reset()
	if exit := cli.Main([]string{"init"}, nil, &out, &out); exit != cli.ExitDone || !strings.Contains(out.String(), "as init would write it") {
		t.Errorf("a second time: exit code %d\n%s", exit, out.String())
	}
}

func TestGatesAreListedForMachines(t *testing.T) {
	exit, text, _ := run(t, nil, "gates", "--output", "json")
	var list []struct {
		ID, Question, Inspects string
		Refs                   []string
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil || exit != cli.ExitDone {
		t.Fatalf("exit code %d, %v\n%s", exit, err, text)
	}
	var ids []string
	for _, g := range list {
		ids = append(ids, g.ID)
		if g.Question == "" || g.Inspects == "" || len(g.Refs) == 0 {
			t.Errorf("gate %s says too little: %+v", g.ID, g)
		}
	}
	for _, id := range []string{"G1", "G2", "G3", "G4", "G5", "G6", "G7", "G8", "G9", "G10"} {
		if !slices.Contains(ids, id) {
			t.Errorf("%s is not listed", id)
		}
	}
}

func TestEveryVerbHasHelpAndIsDocumented(t *testing.T) {
	docs := ""
	for _, name := range []string{"../../../docs/deploy.md", "../../../docs/evidence.md", "../../../README.md"} {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		docs += string(raw)
	}
	verbs := []string{"check", "provision", "plan", "deploy", "verify", "rollback", "status", "releases", "logs", "exec", "lock", "sandbox", "evidence", "gates", "init", "trust"}
	for _, verb := range verbs {
		exit, text, _ := run(t, nil, verb, "--help")
		if exit != cli.ExitDone || !strings.Contains(text, "Usage:") {
			t.Errorf("%s --help: exit code %d\n%s", verb, exit, text)
		}
		if !strings.Contains(docs, verb) {
			t.Errorf("%s is in no documentation", verb)
		}
	}
}

// gone is a reader that went away.
type gone struct{}

func (gone) Write([]byte) (int, error) { return 0, syscall.EPIPE }

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestOutputThatNobodyReadsDoesNotChangeHowARunEnds(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("stackctl.yaml", []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		out  io.Writer
		told bool
	}{"a reader that went away": {gone{}, false}, "a full disk": {full{}, true}} {
		for _, output := range []string{"text", "json"} {
			var errs bytes.Buffer
			exit := cli.Main([]string{"check", "--output", output}, strings.NewReader(""), c.out, &errs)
			if exit != cli.ExitUsage || strings.Contains(errs.String(), "not whole") != c.told {
				t.Errorf("%s, %s: exit code %d: %s", name, output, exit, errs.String())
			}
		}
	}
}

// What could not be signed in the end does not begin.
func TestARunWhoseKeyIsMissingDoesNotBegin(t *testing.T) {
	files := map[string]string{"stackctl.yaml": settings + "evidence: {key: none.key}\n", "compose/stack.yaml": "services: {}\n"}
	exit, text, _ := run(t, files, "deploy")
	if exit != cli.ExitUsage || !strings.Contains(text, "read the evidence key") || !strings.Contains(text, "none.key") || strings.Contains(text, "freeze") {
		t.Errorf("exit code %d\n%s", exit, text)
	}
}

func TestOddNamesDoNotSteerTheTerminal(t *testing.T) {
	_, text, _ := run(t, nil, "gates", "--config", "a\x1b[31m\xffb\u202e.yaml")
	if strings.ContainsAny(text, "\x1b\u202e") || !utf8.ValidString(text) {
		t.Errorf("%q", text)
	}
}
