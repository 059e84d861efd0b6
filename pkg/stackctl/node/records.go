package node

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// recordsScript prints each release's folder and what its record holds: a
// garbled record must not garble the ones after it. Where there is no folder
// there are no releases; one that may not be read says nothing of them.
const recordsScript = `said=$(LC_ALL=C ls -- "$1/" 2>&1 >/dev/null && cd -- "$1" 2>&1) || case $said in
*"No such file"*) exit 0 ;;
*) echo "$said" >&2; exit 1 ;;
esac
cd -- "$1" || exit 1
for f in */release.json; do
	[ -e "$f" ] || continue
	printf '%s ' "${f%/*}"; base64 -w0 -- "$f"; echo
done 2>/dev/null`

// GiveFolders is what to do about a folder of the project that whoever deploys
// may not use.
const GiveFolders = "`stackctl provision` gives the project's folders to the user who deploys"

// Records reads what the host keeps about each release. A record that cannot be
// read, as a loss of power leaves it, is one in the state ReleaseUnreadable.
func Records(ctx context.Context, h Host, t stack.Target) ([]stack.ReleaseRecord, error) {
	dir := t.At(stack.ReleasesDir)
	out, err := h.Run(ctx, "sh", "-c", recordsScript, "sh", dir)
	if err == nil && out.Exit != 0 {
		err = stack.Fault(stack.CauseStep, "list the releases in "+dir, errors.New(strings.TrimSpace(string(out.Stderr))), GiveFolders)
	}
	if err != nil {
		return nil, err
	}
	var list []stack.ReleaseRecord
	for line := range strings.Lines(string(out.Stdout)) {
		id, content, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		r, err := recordIn(id, content)
		if err != nil {
			r = stack.ReleaseRecord{ID: id, State: stack.ReleaseUnreadable,
				Reason: fmt.Sprintf("%s cannot be read: %v", t.At(stack.ReleasePath(id, stack.RecordFile)), err)}
		}
		list = append(list, r)
	}
	return list, nil
}

func recordIn(id, content string) (r stack.ReleaseRecord, err error) {
	raw, err := base64.StdEncoding.DecodeString(content)
	switch {
	case err != nil:
		return r, err
	case len(raw) == 0:
		return r, errors.New("it is empty, or not for this user to read")
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return r, err
	}
	if r.ID != id {
		return r, fmt.Errorf("it is that of release %q", r.ID)
	}
	switch r.State {
	case stack.ReleaseStarted, stack.ReleaseGood, stack.ReleaseFailed:
		return r, nil
	}
	return r, fmt.Errorf("this stackctl knows no state %q: a newer one may have written it", r.State)
}
