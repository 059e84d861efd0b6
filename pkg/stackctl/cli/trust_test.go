package cli

import (
	"bytes"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/host"
	"stackctl/pkg/stackctl/stack"
)

func TestShownHostKeysAreNotTrustedYet(t *testing.T) {
	keys := []host.HostKey{{Type: "ssh-ed25519", Fingerprint: "SHA256:one"}, {Type: "ssh-rsa", Fingerprint: "SHA256:two"}}
	var out, errs bytes.Buffer
	o := &trustOptions{printer: printerTo(&out, "text")}
	o.errs = &errs
	if err := o.showKeys(keys, stack.Target{Name: "prod"}); err != nil || out.String() != "SHA256:one ssh-ed25519\nSHA256:two ssh-rsa\n" {
		t.Errorf("%v %q", err, out.String())
	}
	if want := "nothing was added"; !strings.Contains(errs.String(), want) || !strings.Contains(errs.String(), "stackctl trust --target prod --fingerprint SHA256:one") {
		t.Errorf("%q", errs.String())
	}
}
