package deploy

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"stackctl/pkg/stackctl/node"
	"stackctl/pkg/stackctl/stack"
)

const builtWeb = "shop-web:0123456789ab"

func builtShop() Wanted {
	w := wantedShop()
	w.Release.Images = []stack.Image{{Reference: builtWeb, Built: true, Services: []string{"web"}, Build: &stack.Build{Context: "/src/web", Dockerfile: "/src/web/Dockerfile", Files: 3}}}
	return w
}

func TestPlanOfWhatIsBuilt(t *testing.T) {
	seen := seenShop()
	for _, c := range []struct {
		name string
		tags []string
		want string
	}{
		{"the host lacks it", nil, "[1] build-image shop-web:0123456789ab, the host has no image of these inputs: Dockerfile, with 3 files of web\n"},
		{"the inputs are those of an image that is there", []string{builtWeb}, ""},
		{"other inputs", []string{"shop-web:ffffffffffff"}, "[1] build-image "},
	} {
		seen.Images = []stack.HostImage{{ID: "sha256:1", Tags: c.tags}}
		got := planText(builtShop(), seen)
		if c.want == "" && strings.Contains(got, "build-image") || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

func TestWhatCannotBeBuiltIsRefused(t *testing.T) {
	w, seen := builtShop(), seenShop()
	w.Release.Images[0].Build.Problem = stack.Usage("compose.yaml", 3, "there is no Dockerfile", "write it")
	if err := checkBuilt(Plan(w, seen), w.Release); stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), "compose.yaml:3") {
		t.Errorf("got %v", err)
	}
	seen.Images = []stack.HostImage{{ID: "sha256:1", Tags: []string{builtWeb}}}
	if err := checkBuilt(Plan(w, seen), w.Release); err != nil {
		t.Errorf("it is there: %v", err)
	}
	// A release that was read back from the host is not built again.
	w.Release.Images[0].Build, seen.Images = nil, nil
	if err := checkBuilt(Plan(w, seen), w.Release); stack.CauseOf(err) != stack.CauseUsage {
		t.Errorf("got %v", err)
	}
}

// builder is an operator's Engine in memory.
type builder struct {
	has, can bool
	built    []string
	fails    error
}

func (b *builder) Build(_ context.Context, _ stack.Build, platform string, names []string, progress func(string)) (stack.Built, error) {
	progress("[1/1] COPY")
	b.built = append(b.built, platform+" "+strings.Join(names, " "))
	return stack.Built{ID: "sha256:1", Cached: 1, Steps: 2}, b.fails
}
func (b *builder) CanBuild(context.Context, string) bool    { return b.can }
func (b *builder) Has(context.Context, string, string) bool { return b.has }
func (b *builder) Close() error                             { return nil }

// Save writes an image of one empty layer as docker save does.
func (b *builder) Save(_ context.Context, name string, to io.Writer) error {
	config := `{"os":"linux","architecture":"amd64","rootfs":{"diff_ids":["sha256:` + strings.Repeat("0", 64) + `"]}}`
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(config)))
	w := tar.NewWriter(to)
	for _, f := range [][2]string{{sum + ".json", config}, {"l/layer.tar", "x"}, {"manifest.json", `[{"Config":"` + sum + `.json","RepoTags":["` + name + `"],"Layers":["l/layer.tar"]}]`}} {
		if err := w.WriteHeader(&tar.Header{Name: f[0], Mode: 0o644, Size: int64(len(f[1]))}); err != nil {
			return err
		}
		if _, err := io.WriteString(w, f[1]); err != nil {
			return err
		}
	}
	return w.Close()
}

// yard is a server that takes images, and builds them itself.
type yard struct {
	node.Server
	shipped, built []string
}

func (y *yard) Ship(_ context.Context, i stack.Image, _ []string, _ []stack.HostImage, _ func(done, total int64)) (string, error) {
	y.shipped = append(y.shipped, i.Reference)
	return "1 of 1 layers", nil
}

func (y *yard) Build(_ context.Context, _ stack.Build, platform string, names []string, _ func(string)) (stack.Built, error) {
	y.built = append(y.built, platform+" "+strings.Join(names, " "))
	return stack.Built{ID: "sha256:2"}, nil
}

func TestWhereAnImageIsBuilt(t *testing.T) {
	for _, c := range []struct {
		name                 string
		local                *builder
		here, there, shipped int
		detail               string
	}{
		{"on this machine", &builder{can: true}, 1, 0, 1, "built here, 1 of 2 steps cached; 1 of 1 layers"},
		{"it was built before", &builder{has: true}, 0, 0, 1, "it was built here before; 1 of 1 layers"},
		{"for another processor", &builder{}, 0, 1, 0, "built on shop.example"},
		{"without an Engine here", nil, 0, 1, 0, "built on shop.example"},
		{"it fails", &builder{can: true, fails: errors.New("RUN npm ci: exit code 1")}, 1, 0, 0, "build image " + builtWeb + " on this machine: RUN npm ci"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, host := builtShop(), &yard{}
			w.Release.Images[0].Build.Tags = []string{"acme/web:1"}
			d := &Deployer{Now: time.Now, Target: stack.Target{Host: "shop.example"}, Builder: func(context.Context) (Builder, error) {
				if c.local == nil {
					return nil, errors.New("nothing listens")
				}
				return c.local, nil
			}}
			x := &executor{story: d.begin("deploy"), server: host, want: w}
			x.seen.Host.Arch = "amd64"
			x.record.Images = []stack.Image{{Reference: builtWeb, Built: true}}
			detail, err := x.buildImage(t.Context(), stack.Step{Kind: stack.StepBuildImage, Subject: builtWeb})
			if err != nil {
				detail = err.Error()
			}
			here := 0
			if c.local != nil {
				here = len(c.local.built)
				if here > 0 && c.local.built[0] != "linux/amd64 "+builtWeb+" acme/web:1" {
					t.Errorf("built %q", c.local.built)
				}
			}
			if here != c.here || len(host.built) != c.there || len(host.shipped) != c.shipped || !strings.HasPrefix(detail, c.detail) {
				t.Errorf("%d here, %q there, %q shipped: %s", here, host.built, host.shipped, detail)
			}
			if err == nil && x.record.Images[0].ID == "" {
				t.Error("the record does not know the image by ID: it would stay for ever")
			}
		})
	}
}
