package cli

import (
	"context"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"stackctl/pkg/stackctl/deploy"
)

// build makes a verb with what it runs.
type build[O any] func(*session, func(context.Context, *O) error) *cobra.Command

// parse returns the options that a verb runs with; nil: it does not run.
func parse[O any](ctx context.Context, build build[O], words []string) (got *O, err error) {
	s := newSession(strings.NewReader(""), io.Discard, io.Discard)
	root := &cobra.Command{Use: "stackctl", SilenceErrors: true, SilenceUsage: true}
	bindGlobals(root, s)
	cmd := build(s, func(_ context.Context, o *O) error {
		got = o
		return nil
	})
	root.AddCommand(cmd)
	root.SetArgs(append([]string{cmd.Name()}, words...))
	err = root.ExecuteContext(ctx)
	return got, err
}

// reading is a verb with a line that it reads, and what its options are then.
type reading struct {
	verb, line string
	// read returns the options that the verb runs with, and those that are right.
	read func(t *testing.T, words []string) (got, want []any)
}

// reads is the reading of a line; pick returns the options that are compared with want.
func reads[O any](verb, line string, build build[O], pick func(o *O) []any, want ...any) reading {
	return reading{verb, line, func(t *testing.T, words []string) ([]any, []any) {
		t.Helper()
		o, err := parse(t.Context(), build, words)
		if err != nil || o == nil {
			t.Fatalf("it does not run: %v", err)
		}
		return pick(o), want
	}}
}

// readings are the verbs, each with some of its flags.
var readings = []reading{
	reads("deploy", "--all-tests --lock-wait 10m --adopt --all-targets --parallel 2 --fail-fast --env A=1 --env B=2", newDeploy,
		func(o *deployOptions) []any { return []any{o.allTests, o.lockWait, o.adopt, o.runFlags} },
		true, 10*time.Minute, true, runFlags{all: true, parallel: 2, failFast: true, env: []string{"A=1", "B=2"}}),
	reads("deploy", "-t a,b", newDeploy,
		func(o *deployOptions) []any {
			return []any{o.recorder.project.targets, o.allTests, o.lockWait, o.adopt, o.runFlags}
		},
		[]string{"a", "b"}, false, time.Duration(0), false, runFlags{parallel: sideBySide}),
	reads("verify", "--all-tests --gate G1,G5 --parallel 2 --env TAG=1.4", newVerify,
		func(o *verifyOptions) []any { return []any{o.allTests, o.gates, o.runFlags} },
		true, []string{"G1", "G5"}, runFlags{parallel: 2, env: []string{"TAG=1.4"}}),
	reads("check", "--all-tests --gate G2 --parallel 2 --env TAG=1.4", newCheck,
		func(o *checkOptions) []any { return []any{o.allTests, o.gates, o.runFlags} },
		true, []string{"G2"}, runFlags{parallel: 2, env: []string{"TAG=1.4"}}),
	reads("plan", "--adopt --all-targets --env TAG=1.4", newPlan,
		func(o *planOptions) []any { return []any{o.adopt, o.all, o.env} }, true, true, []string{"TAG=1.4"}),
	reads("rollback", "5f2c --all-tests --lock-wait 1s --parallel 2", newRollback,
		func(o *rollbackOptions) []any { return []any{o.release, o.allTests, o.lockWait, o.parallel} }, "5f2c", true, time.Second, 2),
	reads("rollback", "", newRollback, func(o *rollbackOptions) []any { return []any{o.release} }, ""),
	reads("gates", "-o json -c x.yaml", newGates,
		func(o *gatesOptions) []any { return []any{o.output, o.project.file} }, "json", "x.yaml"),
	reads("rules", "-o json -c x.yaml", newRules,
		func(o *rulesOptions) []any { return []any{o.output, o.project.file} }, "json", "x.yaml"),
	reads("schema", "", newSchema, func(o *schemaOptions) []any { return []any{o.out} }, io.Discard),

	reads("status", "--data", newStatus,
		func(o *statusOptions) []any { return []any{o.data, o.all, o.parallel} }, true, false, sideBySide),
	reads("status", "--all-targets -q", newStatus,
		func(o *statusOptions) []any { return []any{o.data, o.all, o.quiet} }, false, true, true),
	reads("releases", "-t prod -o json", newReleases,
		func(o *releasesOptions) []any { return []any{o.project.targets, o.output} }, []string{"prod"}, "json"),
	reads("logs", "api worker -f -n 20 --since 15m", newLogs,
		func(o *logsOptions) []any { return []any{o.services, o.follow, o.tail, o.since} }, []string{"api", "worker"}, true, 20, "15m"),
	reads("exec", "--stdin api -- ls -c x", newExec,
		func(o *execOptions) []any { return []any{o.service, o.command, o.stdin, o.tty, o.project.file} },
		"api", []string{"ls", "-c", "x"}, true, false, "stackctl.yaml"),
	reads("exec", "db --tty -t prod -- psql", newExec,
		func(o *execOptions) []any { return []any{o.service, o.command, o.tty, o.project.targets} },
		"db", []string{"psql"}, true, []string{"prod"}),
	reads("node list", "-t prod -o json", newNodeList,
		func(o *nodeListOptions) []any { return []any{o.project.targets, o.output} }, []string{"prod"}, "json"),
	reads("node drain", "node1 --from latest --lock-wait 3s", newNodeDrain,
		func(o *nodeDrainOptions) []any { return []any{o.draining, o.lockWait} }, deploy.Draining{Node: "node1", From: "latest"}, 3*time.Second),
	reads("node activate", "node1", newNodeActivate, func(o *nodeDrainOptions) []any { return []any{o.draining.Node} }, "node1"),
	reads("node clear", "--lock-wait 3s", newNodeClear, func(o *nodeDrainOptions) []any { return []any{o.lockWait} }, 3*time.Second),
	reads("node remove", "node3 --force", newNodeRemove, func(o *nodeRemoveOptions) []any { return []any{o.name, o.force} }, "node3", true),
	reads("lock", "--clear r1", newLock, func(o *lockOptions) []any { return []any{o.clear} }, "r1"),
	reads("watch", "--every 15m --keep 3 --print-systemd --all-targets --env TAG=1.4", newWatch,
		func(o *watchOptions) []any { return []any{o.every, o.keep, o.systemd, o.all, o.env} },
		15*time.Minute, 3, true, true, []string{"TAG=1.4"}),
	reads("maintenance", "-t prod", newMaintenance,
		func(o *maintenanceOptions) []any { return []any{o.project.targets} }, []string{"prod"}),
	reads("maintenance on", "--allow 10.0.0.0/8,::1 --without-me --lock-wait 2s --fail-fast", newMaintenanceOn,
		func(o *maintenanceOnOptions) []any { return []any{o.allow, o.withoutMe, o.lockWait, o.failFast} },
		[]string{"10.0.0.0/8", "::1"}, true, 2*time.Second, true),
	reads("maintenance off", "--lock-wait 2s --parallel 3", newMaintenanceOff,
		func(o *maintenanceOffOptions) []any { return []any{o.lockWait, o.parallel} }, 2*time.Second, 3),
	reads("backup", "--place db --place uploads --to /media/usb --lock-wait 3s --parallel 2", newBackup,
		func(o *backupOptions) []any { return []any{o.places, o.to, o.lockWait, o.parallel} },
		[]string{"db", "uploads"}, "/media/usb", 3*time.Second, 2),
	reads("backup list", "-o json", newBackupList, func(o *backupListOptions) []any { return []any{o.output} }, "json"),
	reads("backup places", "-t prod", newBackupPlaces,
		func(o *backupPlacesOptions) []any { return []any{o.project.targets} }, []string{"prod"}),
	reads("backup keygen", "b.key", newBackupKeygen, func(o *backupKeygenOptions) []any { return []any{o.args} }, []string{"b.key"}),
	reads("restore", "latest --drill --any-schema --lock-wait 4s", newRestore,
		func(o *restoreOptions) []any { return []any{o.restoring, o.yes, o.lockWait} },
		deploy.Restoring{Backup: "latest", Drill: true, AnySchema: true}, false, 4*time.Second),
	reads("restore", "b1 -y", newRestore,
		func(o *restoreOptions) []any { return []any{o.restoring, o.yes} }, deploy.Restoring{Backup: "b1"}, true),

	reads("init", "--host h --domain d --user u --shared --route web:80 --route api=api:1 --policy strict -f c.yaml", newInit,
		func(o *initOptions) []any {
			return []any{o.host, o.domain, o.user, o.shared, o.routes, o.policy, o.files, o.secrets, o.yes, o.force}
		},
		"h", "d", "u", true, []string{"web:80", "api=api:1"}, "strict", []string{"c.yaml"}, false, false, false),
	reads("init", "--secrets --yes --force", newInit,
		func(o *initOptions) []any { return []any{o.secrets, o.yes, o.force, o.policy} }, true, true, true, "standard"),
	reads("config", "-t prod", newConfig, func(o *configOptions) []any { return []any{o.project.targets} }, []string{"prod"}),
	reads("harden", "--service web --service api --write - --force --any-target --lock-wait 5s --env TAG=1.4", newHarden,
		func(o *hardenOptions) []any {
			return []any{o.services, o.write, o.force, o.anywhere, o.lockWait, o.env}
		},
		[]string{"web", "api"}, "-", true, true, 5*time.Second, []string{"TAG=1.4"}),
	reads("trust", "--fingerprint SHA256:x", newTrust, func(o *trustOptions) []any { return []any{o.fingerprint} }, "SHA256:x"),
	reads("provision", "--dry-run --parallel 1 --fail-fast", newProvision,
		func(o *provisionOptions) []any { return []any{o.dryRun, o.parallel, o.failFast} }, true, 1, true),
	reads("host create", "-t prod", newHostCreate, func(o *hostCreateOptions) []any { return []any{o.project.targets} }, []string{"prod"}),
	reads("host list", "-o json", newHostList, func(o *hostListOptions) []any { return []any{o.output} }, "json"),
	reads("host destroy", "--yes shop-prod", newHostDestroy, func(o *hostDestroyOptions) []any { return []any{o.yes} }, "shop-prod"),
	reads("sandbox up", "--images x --nodes 3", newSandboxUp, func(o *sandboxUpOptions) []any { return []any{o.images, o.nodes} }, "x", 3),
	reads("sandbox down", "--all", newSandboxDown, func(o *sandboxDownOptions) []any { return []any{o.all} }, true),
	reads("sandbox ssh", "-- ls -l", newSandboxSSH, func(o *sandboxSSHOptions) []any { return []any{o.node, o.command} }, "", []string{"ls", "-l"}),
	reads("sandbox ssh", "node2 -- ls -l", newSandboxSSH, func(o *sandboxSSHOptions) []any { return []any{o.node, o.command} }, "node2", []string{"ls", "-l"}),
	reads("sandbox ssh", "node2", newSandboxSSH, func(o *sandboxSSHOptions) []any { return []any{o.node, len(o.command)} }, "node2", 0),
	reads("sandbox mail", "7 --to ada@example.com", newSandboxMail,
		func(o *sandboxMailOptions) []any { return []any{o.args, o.to} }, []string{"7"}, "ada@example.com"),
	reads("secrets list", "--check", newSecretsList, func(o *secretsListOptions) []any { return []any{o.check} }, true),
	reads("secrets edit", "api_key", newSecretsEdit, func(o *secretsEditOptions) []any { return []any{o.name} }, "api_key"),
	reads("secrets rotate", "api_key --anyway", newSecretsRotate,
		func(o *secretsRotateOptions) []any { return []any{o.name, o.anyway} }, "api_key", true),

	reads("evidence verify", "dir --key k.pub", newEvidenceVerify,
		func(o *evidenceVerifyOptions) []any { return []any{o.path, o.key} }, "dir", "k.pub"),
	reads("evidence show", "dir", newEvidenceShow, func(o *evidenceShowOptions) []any { return []any{o.dir} }, "dir"),
	reads("evidence diff", "one two", newEvidenceDiff,
		func(o *evidenceDiffOptions) []any { return []any{o.before, o.after} }, "one", "two"),
	reads("evidence keygen", "k", newEvidenceKeygen, func(o *evidenceKeygenOptions) []any { return []any{o.file} }, "k"),
	reads("version", "--check -o json", newVersion, func(o *versionOptions) []any { return []any{o.check, o.output} }, true, "json"),
	reads("", "-c x.yaml -o json", withoutVerb, func(o *whereOptions) []any { return []any{o.project.file, o.output} }, "x.yaml", "json"),
	reads("man", "dir", newMan, func(o *manOptions) []any { return []any{o.dir, o.root.Name()} }, "dir", "stackctl"),
}

// withoutVerb is stackctl without a verb.
func withoutVerb(s *session, run func(context.Context, *whereOptions) error) *cobra.Command {
	cmd := &cobra.Command{Use: "stackctl"}
	bindWhere(cmd, s, run)
	return cmd
}

func TestEveryVerbReadsItsFlags(t *testing.T) {
	read := map[string]bool{}
	for _, r := range readings {
		read[r.verb] = true
		t.Run(strings.TrimSpace(r.verb+" "+r.line), func(t *testing.T) {
			if got, want := r.read(t, strings.Fields(r.line)); !reflect.DeepEqual(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
	others := map[string]bool{"help": true, "host": true, "node": true, "completion": true, "sandbox": true, "secrets": true, "evidence": true}
	for _, path := range paths(newRoot(newSession(nil, io.Discard, io.Discard))) {
		if !read[path] && !others[path] && !strings.HasPrefix(path, "completion ") {
			t.Errorf("no line of %q is read", path)
		}
	}
}

// paths returns the commands from cmd on, each as it is typed after stackctl.
func paths(cmd *cobra.Command) []string {
	list := []string{strings.TrimPrefix(strings.TrimPrefix(cmd.CommandPath(), "stackctl"), " ")}
	for _, sub := range cmd.Commands() {
		list = append(list, paths(sub)...)
	}
	return list
}

// What a verb refuses by its flags alone, it refuses before it runs.
func TestRefusedFlagsRunNothing(t *testing.T) {
	for says, try := range map[string]func() (ran bool, err error){
		"name is empty":          refusal(t, newRollback, ""),
		"--data is of one":       refusal(t, newStatus, "--data", "--all-targets"),
		"speaks no JSON":         refusal(t, newExec, "--tty", "-o", "json", "db", "psql"),
		"no command for db":      refusal(t, newExec, "db", "--tty"),
		"at least 1m0s":          refusal(t, newWatch, "--every", "1s"),
		"at least 1;":            refusal(t, newWatch, "--keep", "0"),
		"needs --every":          refusal(t, newWatch, "--print-systemd"),
		"name a backup":          refusal(t, newRestore, "", "--drill"),
		"it acts on one target,": refusal(t, newRestore, "latest", "-t", "a,b"),
		"accepts 1 arg":          refusal(t, newEvidenceShow),
		"unknown flag: --adopt":  refusal(t, newVerify, "--adopt"),
	} {
		if ran, err := try(); ran || err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: ran: %v, %v", says, ran, err)
		}
	}
}

// refusal is a try of a line that a verb refuses.
func refusal[O any](t *testing.T, build build[O], words ...string) func() (bool, error) {
	return func() (bool, error) {
		o, err := parse(t.Context(), build, words)
		return o != nil, err
	}
}
