//go:build e2e

package e2e

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

// strike makes the fault happen to a deploy or to the server that a container is.
func strike(t *testing.T, box string, f fault, cmd *exec.Cmd) {
	switch f {
	case faultKill:
		_ = cmd.Process.Kill()
	case faultInterrupt:
		_ = cmd.Process.Signal(syscall.SIGINT)
	case faultCut:
		inBox(t, box, `pids=$(pgrep -f '^sshd(-session)?: deploy'); [ -z "$pids" ] || kill -KILL $pids`)
	case faultSilence:
		inBox(t, box, `ports=$(ss -Htn state established '( sport = :22 )' | sed 's/.*:\([0-9]*\) *$/\1/')
touch /run/silent
for p in $ports; do
  iptables -I INPUT 1 -p tcp --dport 22 --sport $p -j DROP
  iptables -I OUTPUT 1 -p tcp --sport 22 --dport $p -j DROP
  echo "$p" >>/run/silent
done`)
	case faultRestart:
		onHost(t, "docker", "restart", "-t", "20", box)
	case faultReadOnly:
		inBox(t, box, "mount --bind /srv/stack /srv/stack && mount -o remount,ro,bind /srv/stack")
	case faultDisk:
		t.Log("free: ", inBox(t, box, fill))
	case faultFiles:
		t.Log("more files: ", inBox(t, box, fillFiles))
	case faultEngine:
		inBox(t, box, "systemctl reset-failed docker; systemctl restart docker")
	case faultPower:
		onHost(t, "docker", "kill", "-s", "KILL", box)
		onHost(t, "docker", "start", box)
	}
}

// heal ends a fault that does not end by itself: the next operator has another
// connection, the silent one stays silent until the lock has expired.
func heal(t *testing.T, box string, f fault) {
	if f.fills() {
		inBox(t, box, "rm -rf /small/filler /small/many")
	}
	if f == faultReadOnly {
		inBox(t, box, "umount /srv/stack")
	}
	if f != faultSilence {
		return
	}
	t.Cleanup(func() {
		inBox(t, box, `for p in $(cat /run/silent); do
  iptables -D INPUT -p tcp --dport 22 --sport $p -j DROP
  iptables -D OUTPUT -p tcp --sport 22 --dport $p -j DROP
done
rm /run/silent`)
	})
}

// faultExits are the exit codes of a deploy that a fault hit.
var faultExits = map[fault][]int{
	faultInterrupt: {130}, faultKill: {-1}, faultCut: {3}, faultSilence: {3}, faultEngine: {0, 1, 4, 5},
	faultRestart: {3}, faultPower: {3}, faultReadOnly: {4},
}

// judge sees how a deploy ended that something happened to.
func (d *faulted) judge(t *testing.T, p point) {
	t.Helper()
	exits := faultExits[p.fault]
	// Where the last step was about to end the deploy may be done, and once it is
	// committed it is good: an image that could not be pruned is a note.
	done := p.late || p.name == string(stack.StepPrune) || p.fault == faultReadOnly && p.name == string(stack.StepCommit)
	if exit := d.cmd.ProcessState.ExitCode(); !slices.Contains(exits, exit) && (!done || exit != 0) {
		t.Errorf("exit code %d, want %v\n%s", exit, exits, d.said())
	}
	r := d.last.Report
	if r == nil || d.cmd.ProcessState.ExitCode() == 0 {
		return
	}
	t.Logf("%s; %s", r.Reason, r.Fix)
	if !r.Unseen && d.cmd.ProcessState.ExitCode() == 3 {
		t.Error("the report claims to know what it could not see")
	}
	if p.fault == faultReadOnly {
		d.judgeReadOnly(t, r)
	}
	if p.fault != faultInterrupt && p.fault != faultEngine {
		return
	}
	if r.Live != r.Before || r.Live == "" || (p.fault == faultInterrupt) != (r.Verdict == stack.VerdictInterrupted) {
		t.Errorf("verdict %s, live %s, before %s", r.Verdict, r.Live, r.Before)
	}
}

// judgeReadOnly sees what comes of a deploy that can write nothing: what it started
// goes, unless users may have been led there, which cannot be undone then.
func (d *faulted) judgeReadOnly(t *testing.T, r *stack.Report) {
	t.Helper()
	if !strings.Contains(strings.ToLower(r.Reason), "read-only") {
		t.Errorf("it does not say why: %s", r.Reason)
	}
	switched := slices.ContainsFunc(r.Steps, func(s stack.StepResult) bool { return s.Step.Kind == stack.StepSwitch && s.Error == "" })
	left := strings.TrimSpace(inDroplet(t, "docker ps -aq --filter label=dev.stackctl.release="+r.Release))
	if r.Unsettled != switched || (left != "") != switched || !switched && r.Live != r.Before {
		t.Errorf("switched: %t, unsettled: %t, live %s, before %s; of the new release is left: %q", switched, r.Unsettled, r.Live, r.Before, left)
	}
}

// agree compares what a report states with what `stackctl status` finds: a release
// that it calls live is live.
func (d *faulted) agree(t *testing.T, w *walk) {
	t.Helper()
	r := d.last.Report
	if r == nil || r.Live == "" {
		return
	}
	var found struct{ Live string }
	if out := w.p.must(0, "status", "--output", "json").out; json.Unmarshal([]byte(out), &found) != nil {
		t.Errorf("the status is\n%s", out)
	}
	if found.Live != r.Live {
		t.Errorf("the report says that %s is live, and it is %s", r.Live, found.Live)
	}
}

// inDroplet runs a command in the droplet without SSH.
func inDroplet(t *testing.T, command string) string {
	t.Helper()
	return inBox(t, on(t).Container, command)
}

// inBox runs a command in the container that a server is.
func inBox(t *testing.T, box, command string) string {
	t.Helper()
	return onHost(t, "docker", "exec", box, "sh", "-c", command)
}

func onHost(t *testing.T, argv ...string) string {
	t.Helper()
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
	return string(out)
}
