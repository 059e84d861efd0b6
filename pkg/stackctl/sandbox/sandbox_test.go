package sandbox

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/moby/moby/client"
	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

// The tests share one sandbox: a real one, on the local Docker Engine.
var shared struct {
	once  sync.Once
	dir   string
	state State
	err   error
}

func TestMain(m *testing.M) {
	if answer, ok := os.LookupEnv("SANDBOX_TEST_ANSWER"); ok {
		serveAnswer(answer) // this binary, copied into the droplet
	}
	dir, err := os.MkdirTemp("", "sandbox-test-")
	if err != nil {
		panic(err)
	}
	shared.dir = filepath.Join(dir, "state")
	code := m.Run()
	if err := Down(context.Background(), shared.dir, false); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if err := os.RemoveAll(dir); err != nil {
		code = 1
	}
	os.Exit(code)
}

// options are those of the tests' sandbox.
func options() Options {
	return Options{
		Dir: shared.dir, Name: fmt.Sprintf("test-%d", os.Getpid()), Private: true,
		Images: filepath.Join("..", "..", "..", "build", "sandbox"),
	}
}

func up(t *testing.T) State {
	t.Helper()
	shared.once.Do(func() { shared.state, shared.err = Up(t.Context(), options()) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.state
}

func remade(t *testing.T) *builder {
	t.Helper()
	up(t)
	o, err := options().complete()
	if err != nil {
		t.Fatal(err)
	}
	b, err := open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.close)
	return b
}

// login opens an SSH connection that trusts the sandbox's known_hosts alone.
func login(t *testing.T, s State) *ssh.Client {
	t.Helper()
	text, err := os.ReadFile(s.Key())
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	trust, err := knownhosts.New(s.KnownHosts())
	if err != nil {
		t.Fatal(err)
	}
	c, err := ssh.Dial("tcp", net.JoinHostPort(s.Address.String(), "22"), &ssh.ClientConfig{
		User: "root", Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: trust,
		HostKeyAlgorithms: []string{ssh.KeyAlgoED25519}, Timeout: 10 * time.Second,
	})
	if err != nil {
		t.Fatalf("log in to the droplet: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func over(t *testing.T, c *ssh.Client, command string) string {
	t.Helper()
	session, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	out, err := session.CombinedOutput(command)
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestDropletIsABareDebianServer(t *testing.T) {
	c := login(t, up(t))
	if got := over(t, c, "systemctl is-system-running"); got != "running" {
		t.Errorf("systemd says %q, want running", got)
	}
	if got := over(t, c, ". /etc/os-release; echo $ID $VERSION_ID"); got != "debian 12" {
		t.Errorf("it is %q, want debian 12", got)
	}
	if got := over(t, c, "command -v docker dockerd || echo none"); got != "none" {
		t.Errorf("it has Docker already: %s", got)
	}
	if got := over(t, c, "grep -c '^nameserver 127' /etc/resolv.conf || true"); got != "0" {
		t.Errorf("its resolver is on loopback, out of reach for inner containers")
	}
}

func TestDropletRunsContainersWithLimits(t *testing.T) {
	c := login(t, up(t))
	// What an inner Engine does for each container: a child group with a bound.
	script := `set -e; if [ -d /sys/fs/cgroup/memory ]; then d=/sys/fs/cgroup/memory/try; f=memory.limit_in_bytes
else d=/sys/fs/cgroup/try; f=memory.max; echo +memory > /sys/fs/cgroup/cgroup.subtree_control || true; fi
mkdir $d; echo 67108864 > $d/$f; cat $d/$f; rmdir $d`
	if got := over(t, c, script); got != "67108864" {
		t.Errorf("a memory limit of 64 MiB reads back as %q", got)
	}
}

func TestSecondUpChangesNothing(t *testing.T) {
	first := up(t)
	b := remade(t)
	before, err := b.api.ContainerInspect(t.Context(), first.Container, client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	o := options()
	o.Progress = func(line string) { said = append(said, line) }
	second, err := Up(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	after, err := b.api.ContainerInspect(t.Context(), first.Container, client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(said) != 0 || second.Fresh || before.Container.ID != after.Container.ID || before.Container.State.StartedAt != after.Container.State.StartedAt {
		t.Errorf("the second Up did %q", said)
	}
	loaded, err := Load(shared.dir)
	if err != nil || !reflect.DeepEqual(loaded, second) {
		t.Errorf("Load gives %+v (%v), want %+v", loaded, err, second)
	}
}

func TestTargetFileIsATargetOfStackctl(t *testing.T) {
	s := up(t)
	text, err := os.ReadFile(s.Target())
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]any
	if err := yaml.Unmarshal(text, &raw); err != nil {
		t.Fatal(err)
	}
	var got stack.Target
	dec, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{Result: &got, ErrorUnused: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := dec.Decode(raw); err != nil {
		t.Fatal(err)
	}
	if got.Host != s.Address.String() || got.Port != 22 || got.Admin != "root" || got.User != "deploy" || got.ACME.Directory != s.Directory || !got.Mutate {
		t.Errorf("the target is %+v", got)
	}
	for _, f := range []string{got.Key, got.KnownHosts, got.ACME.DirectoryCA, got.ACME.Roots} {
		if _, err := os.Stat(f); err != nil || !filepath.IsAbs(f) {
			t.Errorf("the target names %q: %v", f, err)
		}
	}
}

func TestPrivateKeyIsForItsOwnerAlone(t *testing.T) {
	info, err := os.Stat(up(t).Key())
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the key's mode is %v, want 0600", info.Mode().Perm())
	}
}

// serveAnswer answers a challenge inside the droplet and never returns.
func serveAnswer(answer string) {
	path, body, _ := strings.Cut(answer, " ")
	http.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })
	fmt.Fprintln(os.Stderr, http.ListenAndServe(":80", nil))
	os.Exit(1)
}

func TestACMEServerIssuesForWhatTheDropletAnswers(t *testing.T) {
	s, b, ctx := up(t), remade(t), t.Context()
	ca := authority(t, s)
	if _, err := ca.Register(ctx, &acme.Account{Contact: []string{"mailto:operator@stack.localhost"}}, acme.AcceptTOS); err != nil {
		t.Fatal(err)
	}
	order, err := ca.AuthorizeOrder(ctx, acme.DomainIDs("www.stack.localhost"))
	if err != nil {
		t.Fatal(err)
	}
	authz, err := ca.GetAuthorization(ctx, order.AuthzURLs[0])
	if err != nil {
		t.Fatal(err)
	}
	var challenge *acme.Challenge
	for _, c := range authz.Challenges {
		if c.Type == "http-01" {
			challenge = c
		}
	}
	body, err := ca.HTTP01ChallengeResponse(challenge.Token)
	if err != nil {
		t.Fatal(err)
	}
	answerInside(t, b, s, ca.HTTP01ChallengePath(challenge.Token)+" "+body)
	if _, err := ca.Accept(ctx, challenge); err != nil {
		t.Fatal(err)
	}
	if _, err := ca.WaitAuthorization(ctx, authz.URI); err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{"www.stack.localhost"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	chain, _, err := ca.CreateCertFromOrder(ctx, order, request, true)
	if err != nil {
		t.Fatal(err)
	}
	verify(t, s, chain)
}

// authority is an ACME client that trusts the sandbox's directory CA alone.
func authority(t *testing.T, s State) *acme.Client {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool(t, filepath.Join(s.Dir, directoryCAFile))}}
	t.Cleanup(transport.CloseIdleConnections)
	return &acme.Client{Key: crypto.Signer(key), DirectoryURL: s.Directory, HTTPClient: &http.Client{Transport: transport}}
}

func pool(t *testing.T, file string) *x509.CertPool {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(text) {
		t.Fatalf("%s holds no certificate", file)
	}
	return p
}

func verify(t *testing.T, s State, chain [][]byte) {
	t.Helper()
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		t.Fatal(err)
	}
	between := x509.NewCertPool()
	for _, der := range chain[1:] {
		between.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: "www.stack.localhost", Roots: pool(t, filepath.Join(s.Dir, rootsFile)), Intermediates: between}); err != nil {
		t.Errorf("the certificate does not chain to %s: %v", rootsFile, err)
	}
}

// answerInside runs this test binary in the droplet as a web server on port 80.
func answerInside(t *testing.T, b *builder, s State, answer string) {
	t.Helper()
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.put(t.Context(), s.Container, file{path: "/root/answer", mode: 0o755, content: self}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.exec(t.Context(), s.Container, "systemd-run", "--unit=answer", "--setenv=SANDBOX_TEST_ANSWER="+answer, "/root/answer"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := b.exec(context.Background(), s.Container, "systemctl", "stop", "answer"); err != nil {
			t.Error(err)
		}
	})
	eventually(t, "the droplet answers on port 80", func() error {
		c, err := net.DialTimeout("tcp", net.JoinHostPort(s.Address.String(), "80"), time.Second)
		if err != nil {
			return err
		}
		return c.Close()
	})
}

func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return
		}
		if !pause(ctx) {
			t.Fatalf("%s: %v", what, err)
		}
	}
}

func TestRestartedACMEServerIsReplacedAtANewAddress(t *testing.T) {
	before, b := up(t), remade(t)
	if _, err := b.api.ContainerRestart(t.Context(), b.named("acme"), client.ContainerRestartOptions{}); err != nil {
		t.Fatal(err)
	}
	roots, err := os.ReadFile(filepath.Join(before.Dir, rootsFile))
	if err != nil {
		t.Fatal(err)
	}
	after, err := Up(t.Context(), options())
	if err != nil {
		t.Fatal(err)
	}
	if after.Directory == before.Directory {
		t.Errorf("the directory is still %s: a client would use an account that is forgotten", after.Directory)
	}
	both, err := os.ReadFile(filepath.Join(before.Dir, rootsFile))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(both), string(roots)) || len(both) <= len(roots) {
		t.Error("the new root is not kept beside the old one")
	}
	shared.state = after
}

func TestLostFolderIsMadeAnewAroundTheSameDroplet(t *testing.T) {
	before := up(t)
	over(t, login(t, before), "echo same > /root/same")
	if err := os.RemoveAll(shared.dir); err != nil {
		t.Fatal(err)
	}
	after, err := Up(t.Context(), options())
	if err != nil {
		t.Fatal(err)
	}
	shared.state = after
	if got := over(t, login(t, after), "cat /root/same"); got != "same" || after.Fresh {
		t.Errorf("another droplet answers: %q", got)
	}
}

func TestRebootedDropletComesBackAsItWas(t *testing.T) {
	s, b := up(t), remade(t)
	over(t, login(t, s), "echo kept > /root/kept")
	before, err := b.api.ContainerInspect(t.Context(), s.Container, client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.exec(t.Context(), s.Container, "systemctl", "reboot"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the container starts again", func() error {
		now, err := b.api.ContainerInspect(t.Context(), s.Container, client.ContainerInspectOptions{})
		if err == nil && (!now.Container.State.Running || now.Container.State.StartedAt == before.Container.State.StartedAt) {
			err = errors.New("not yet")
		}
		return err
	})
	if err := b.awaitDroplet(t.Context(), b.droplets(s)[0].Node); err != nil {
		t.Fatal(err)
	}
	if got := over(t, login(t, s), "cat /root/kept"); got != "kept" {
		t.Errorf("the file holds %q after a reboot", got)
	}
}

func TestDownLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	o := options()
	o.Dir, o.Name = dir, o.Name+"-gone"
	if _, err := Up(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if err := Down(t.Context(), dir, false); err != nil {
		t.Fatal(err)
	}
	b, err := open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	ours := make(client.Filters).Add("label", label+"="+o.Name)
	containers, err := b.api.ContainerList(t.Context(), client.ContainerListOptions{All: true, Filters: ours})
	if err != nil {
		t.Fatal(err)
	}
	volumes, err := b.api.VolumeList(t.Context(), client.VolumeListOptions{Filters: ours})
	if err != nil {
		t.Fatal(err)
	}
	networks, err := b.api.NetworkList(t.Context(), client.NetworkListOptions{Filters: ours})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(containers.Items) + len(volumes.Items) + len(networks.Items); n != 0 {
		t.Errorf("%d things are left", n)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is left: %v", err)
	}
	if err := Down(t.Context(), dir, false); err != nil {
		t.Errorf("a second Down: %v", err)
	}
}
