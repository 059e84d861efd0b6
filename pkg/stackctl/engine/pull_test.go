package engine

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	randomimage "github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

const registryUser, registryPassword = "puller", "s3cret-of-the-registry"

// privateRegistry is a registry that asks for a password, with one image for an
// architecture. It counts the requests that carried the password.
func privateRegistry(t *testing.T, architecture string) (ref string, let *atomic.Int64) {
	t.Helper()
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	let = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user != registryUser || password != registryPassword {
			w.Header().Set("WWW-Authenticate", `Basic realm="private"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		let.Add(1)
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	image, err := randomimage.Image(64<<10, 2)
	if err == nil {
		image, err = mutate.ConfigFile(image, config(t, image, architecture))
	}
	if err != nil {
		t.Fatal(err)
	}
	ref = strings.TrimPrefix(server.URL, "http://") + "/team/app:" + random()
	tag, err := name.NewTag(ref)
	if err == nil {
		err = remote.Write(tag, image, remote.WithAuth(&authn.Basic{Username: registryUser, Password: registryPassword}))
	}
	if err != nil {
		t.Fatal(err)
	}
	let.Store(0)
	return ref, let
}

func config(t *testing.T, image v1.Image, architecture string) *v1.ConfigFile {
	t.Helper()
	c, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	c.OS, c.Architecture = "linux", architecture
	return c
}

// helper makes a ~/.docker/config.json whose helper knows the password.
func helper(t *testing.T, registry, script string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	for file, text := range map[string]string{
		"config.json":            fmt.Sprintf(`{"credHelpers": {%q: "ours"}}`, registry),
		"docker-credential-ours": "#!/bin/sh\n" + script + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAPrivateImageIsPulledWithTheOperatorsCredentials(t *testing.T) {
	w := newWorld(t)
	ref, let := privateRegistry(t, runtime.GOARCH)
	host, _, _ := strings.Cut(ref, "/")
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	if err := w.Pull(w.ctx, ref, nil); err == nil || !strings.Contains(err.Error(), "docker login") || let.Load() != 0 {
		t.Fatalf("without credentials: %v", err)
	}
	helper(t, host, fmt.Sprintf(`echo '{"ServerURL": %q, "Username": %q, "Secret": %q}'`, host, registryUser, registryPassword))
	if err := w.Pull(w.ctx, ref, nil); err != nil || let.Load() == 0 {
		t.Fatalf("with the helper's: %v, %d requests", err, let.Load())
	}
	if err := w.RemoveImage(w.ctx, ref); err != nil {
		t.Error(err)
	}
	helper(t, host, "echo broken helper >&2; exit 1")
	if err := w.Pull(w.ctx, ref, nil); err == nil || !strings.Contains(err.Error(), host) {
		t.Errorf("a helper that fails: %v", err)
	}
}

func TestCredentialsGoAsTheEngineTakesThem(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	login := base64.StdEncoding.EncodeToString([]byte(registryUser + ":" + registryPassword))
	text := fmt.Sprintf(`{"auths": {"registry.example:5000": {"auth": %q}, "https://index.docker.io/v1/": {"auth": %q}}}`, login, login)
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]bool{"registry.example:5000/a/b:1": true, "postgres:16": true, "other.example/a:1": false} {
		got, err := credentials(ref, authn.DefaultKeychain)
		if err != nil {
			t.Fatal(err)
		}
		if !want {
			if got != "" {
				t.Errorf("%s gets credentials of another registry", ref)
			}
			continue
		}
		raw, err := base64.URLEncoding.DecodeString(got)
		var said map[string]string
		if err != nil || json.Unmarshal(raw, &said) != nil || said["username"] != registryUser || said["password"] != registryPassword {
			t.Errorf("%s: %s, %v", ref, raw, err)
		}
	}
}

func TestAnImageOfAnotherArchitectureIsRefused(t *testing.T) {
	w := newWorld(t)
	ref, _ := privateRegistry(t, "s390x")
	host, _, _ := strings.Cut(ref, "/")
	helper(t, host, fmt.Sprintf(`echo '{"ServerURL": %q, "Username": %q, "Secret": %q}'`, host, registryUser, registryPassword))
	err := w.Pull(w.ctx, ref, nil)
	if err == nil || !strings.Contains(err.Error(), "s390x") {
		t.Errorf("%v", err)
	}
	_ = w.RemoveImage(w.ctx, ref)
}

func TestAPullThatStandsStillEnds(t *testing.T) {
	w := newWorld(t)
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	defer close(release)
	err := w.pull(w.ctx, strings.TrimPrefix(server.URL, "http://")+"/stalls:1", "", 2*time.Second, nil)
	if !errors.Is(err, errStalled) {
		t.Errorf("%v", err)
	}
}
