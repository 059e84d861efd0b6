package cli

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"stackctl/pkg/stackctl/config"
	"stackctl/pkg/stackctl/provision"
)

func TestProvisionOpensWhatTheProjectDeclares(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	write("stackctl.yaml", "project: forge\npolicy: standard\ncompose: {files: [compose.yaml]}\ntargets:\n  prod: {host: 203.0.113.7, domain: example.org}\nroutes: [{service: forge, port: 3000}]\ngates: {exposure: {allow: [22, 80, 443, 2222, 2223]}}\n")
	ports := func(compose string) ([]provision.Port, error) {
		write("compose.yaml", compose)
		c, err := config.Load("stackctl.yaml")
		if err != nil {
			t.Fatal(err)
		}
		target, err := config.Target(c, "prod")
		if err != nil {
			t.Fatal(err)
		}
		return declaredPorts(t.Context(), c, target)
	}
	got, err := ports("services:\n  forge:\n    image: acme/forge:1\n    ports: [\"3000:3000\", \"2222:22\", \"5432:5432\", \"27015:27015/udp\", \"38412:38412/sctp\", \"127.0.0.1:2223:23\"]\n")
	// the edge's own are among them
	if want := []provision.Port{{Number: 2222}, {Number: 27015, UDP: true}, {Number: 80}, {Number: 443}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v %v, want %v", got, err, want)
	}
	if got, err := ports("services: {forge: {image: \"acme/forge:1\", ports: [\"2222:22\"], environment: {KEY: \"${NOWHERE:?set it}\"}}}\n"); err == nil || len(got) > 0 {
		t.Errorf("a file that cannot be read: %v %v", got, err)
	}
}
