//go:build unix

package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/cli"
)

const secretSettings = `project: shop
policy: standard
compose: {files: [compose.yaml], env_example: ""}
age: {recipients: []}
targets:
  prod: {host: 127.0.0.1, port: 1, domain: shop.example, key: none}
secrets:
  db_password: {command: [/bin/sh, ./op.sh]}
  api_key: {file: keys/api_key, previous: api_key_before}
  api_key_before: {file: keys/api_key_before}
  API_TOKEN: {command: [/bin/sh, -c, "echo tok-in-a-vault-91x"]}
`

const secretCompose = `services:
  db: {image: "postgres:16", x-stackctl: {layer: data}, secrets: [db_password]}
  web: {image: "shop/web:1", secrets: [db_password, api_key], environment: {TOKEN: "${API_TOKEN}"}}
secrets:
  db_password: {file: nowhere/db_password}
  api_key: {file: nowhere/api_key}
`

func secretFiles() map[string]string {
	return map[string]string{"stackctl.yaml": secretSettings, "compose.yaml": secretCompose, "op.sh": "echo pw-in-a-vault-47x\n",
		"keys/api_key": "key-in-a-file-83x\n", "keys/api_key_before": "key-before-that-62x\n"}
}

func TestSecretsAreListedWithoutTheirValues(t *testing.T) {
	files := secretFiles()
	delete(files, "keys/api_key_before")
	exit, text, _ := run(t, files, "secrets", "list")
	if exit != 0 || !strings.Contains(text, "command /bin/sh") || !strings.Contains(text, "db, web") || !strings.Contains(text, "(variable)") || !strings.Contains(text, "missing") {
		t.Errorf("exit %d:\n%s", exit, text)
	}
	exit, text, _ = run(t, files, "secrets", "list", "--check")
	if exit != 2 || strings.Contains(text, "vault") || !strings.Contains(text, "not read: api_key_before") {
		t.Errorf("exit %d:\n%s", exit, text)
	}
}

// in is one command line in the folder of the test, with an input.
func in(t *testing.T, input string, args ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	exit := cli.Main(args, strings.NewReader(input), &out, &out)
	return exit, out.String()
}

func TestSecretsAreEditedAndRotated(t *testing.T) {
	_, _, dir := run(t, secretFiles(), "secrets", "list")
	at := func(name string) string {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	if exit, text := in(t, "a-new-one-for-the-key\n", "secrets", "edit", "api_key"); exit != 0 || at("keys/api_key") != "a-new-one-for-the-key\n" || strings.Contains(text, "a-new-one") {
		t.Errorf("exit %d: %s", exit, text)
	}
	if exit, text := in(t, "", "secrets", "rotate", "api_key"); exit != 0 || at("keys/api_key_before") != "a-new-one-for-the-key\n" || len(at("keys/api_key")) != 44 || strings.Contains(text, strings.TrimSpace(at("keys/api_key"))) {
		t.Errorf("exit %d: %s", exit, text)
	}
	for wants, args := range map[string][]string{
		"keeps it in its data": {"secrets", "rotate", "db_password"}, "kept elsewhere": {"secrets", "rotate", "db_password", "--anyway"},
		"there is no secret": {"secrets", "edit", "no_such"}, "too short": {"secrets", "edit", "api_key"},
	} {
		if exit, text := in(t, "abc", args...); exit != 2 || !strings.Contains(text, wants) {
			t.Errorf("%s: exit %d: %s", wants, exit, text)
		}
	}
}

// What comes from a vault is known to a run before anything is shown of it,
// and its evidence names where it came from.
func TestARunTakesSecretsFromWhereTheyAre(t *testing.T) {
	exit, text, dir := run(t, secretFiles(), "check")
	runs, err := filepath.Glob(filepath.Join(dir, "artifacts", "*-check-*"))
	if err != nil || len(runs) != 1 {
		t.Fatalf("exit %d, runs %v:\n%s", exit, runs, text)
	}
	raw, err := os.ReadFile(filepath.Join(runs[0], "secrets.json"))
	if err != nil || !strings.Contains(string(raw), "command /bin/sh") || !strings.Contains(string(raw), "keys/api_key") {
		t.Errorf("%s, %v\n%s", raw, err, text)
	}
	variables, err := os.ReadFile(filepath.Join(runs[0], "variables.json"))
	if err != nil || !strings.Contains(string(variables), `"origin": "command /bin/sh"`) {
		t.Errorf("%s, %v", variables, err)
	}
	files, err := filepath.Glob(filepath.Join(runs[0], "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range []string{"pw-in-a-vault-47x", "key-in-a-file-83x", "tok-in-a-vault-91x"} {
			if strings.Contains(string(raw)+text, value) {
				t.Errorf("%s or the screen holds %s", f, value)
			}
		}
	}
}

func TestASecretThatCannotBeReadStopsTheRun(t *testing.T) {
	files := secretFiles()
	files["op.sh"] = "echo pw-in-a-vault-47x; echo it is pw-in-a-vault-47x >&2; exit 9\n"
	exit, text, dir := run(t, files, "check")
	if exit != 2 || strings.Contains(text, "vault-47x") || !strings.Contains(text, "stackctl.yaml:8: secret db_password from command /bin/sh: it ended with exit code 9") {
		t.Errorf("exit %d:\n%s", exit, text)
	}
	if runs, _ := filepath.Glob(filepath.Join(dir, "artifacts", "*-check-*", "report.json")); len(runs) != 1 {
		t.Error("it left no evidence")
	}
}

func TestBrokenSecretSettings(t *testing.T) {
	for wants, line := range map[string]string{
		"it has 2 sources": "  a: {file: x, age: y}", "it has 0 sources": "  a: {}", "belong together": "  a: {sops: x.yaml}",
		"no other secret": "  a: {file: x, previous: b}", "timeout 1h": "  a: {command: [op], timeout: 1h}", "unknown key": "  a: {comand: [op]}",
	} {
		exit, text, _ := run(t, map[string]string{"stackctl.yaml": "project: shop\nsecrets:\n" + line + "\n"}, "secrets", "list")
		if exit != 2 || !strings.Contains(text, wants) || !strings.Contains(text, "stackctl.yaml:3") {
			t.Errorf("%s: exit %d: %s", line, exit, text)
		}
	}
}
