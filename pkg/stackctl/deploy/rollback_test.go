package deploy

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"stackctl/pkg/stackctl/stack"
)

// Images that were pruned by hand come from this machine's archives, whoever
// deployed the release; where none holds one, nothing is begun.
func TestARollbackFindsTheImagesThatTheHostHasLost(t *testing.T) {
	dir := t.TempDir()
	made, err := random.Image(1<<10, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := tarball.WriteToFile(filepath.Join(dir, "app.tar"), name.MustParseReference("shop/app:1"), made); err != nil {
		t.Fatal(err)
	}
	id, err := made.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	d := &Deployer{Config: stack.Config{Images: stack.Images{Archives: dir}}}
	app := stack.Image{Reference: "shop/app:1", ID: id.String(), Archive: "/home/ada/app.tar"}
	db := stack.Image{Reference: "db:16", ID: "sha256:db", Archive: "/home/ada/db.tar"}
	seen := stack.Observed{Images: []stack.HostImage{{ID: "sha256:db"}}}
	pulled := stack.Image{Reference: "cache:7@sha256:1", ID: "sha256:cache"}
	images, err := d.supplied(stack.ReleaseRecord{ID: "5f2c", Images: []stack.Image{app, db, pulled}}, seen)
	if err != nil || images[0].Archive != filepath.Join(dir, "app.tar") || images[1].Archive != db.Archive {
		t.Errorf("%+v, %v", images, err)
	}
	_, err = d.supplied(stack.ReleaseRecord{ID: "5f2c", Images: []stack.Image{app, db}}, stack.Observed{})
	if stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), "db:16 sha256:db") || strings.Contains(err.Error(), "shop/app") {
		t.Errorf("an image that nobody holds: %v", err)
	}
}
