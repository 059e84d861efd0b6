//go:build linux

package backup

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestABackupIsWrittenTwiceCheckedAndRehearsed(t *testing.T) {
	c := newCluster(t)
	c.shop(t)
	b := c.backups(t)
	r, err := b.Take(t.Context(), b.Places[0], Reason{Cause: "a test", Release: "abc"})
	if err != nil {
		t.Fatal(err)
	}
	if r.Tables != 4 || r.Rows != 504 || !r.Decrypted || r.Bytes == 0 || r.Plain == 0 {
		t.Errorf("got %+v", r)
	}
	want := []string{r.Name + ".age", r.Name + ".json"}
	for _, dir := range []string{b.Config.Dir, b.hostDir()} {
		if got := names(t, dir); !reflect.DeepEqual(got, want) {
			t.Errorf("%s holds %v, want %v", dir, got, want)
		}
	}
	sum, _, err := sumFile(filepath.Join(b.hostDir(), r.Name+".age"))
	if err != nil || sum != r.SHA256 {
		t.Errorf("the host's copy has SHA-256 %s, %v", sum, err)
	}
	info, err := os.Stat(filepath.Join(b.Config.Dir, r.Name+".age"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	o, err := b.Open(t.Context(), "latest")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	out, err := b.Rehearse(t.Context(), o)
	if err != nil || len(out.Differences) > 0 || out.Equal != 4 || out.Rows != 504 {
		t.Errorf("got %+v, %v", out, err)
	}
	if left := c.sql(t, "template1", `SELECT datname FROM pg_database WHERE datname LIKE 'stackctl%'`); left != "" {
		t.Errorf("the rehearsal left %s", left)
	}
}
