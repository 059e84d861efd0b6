//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"testing"
)

// The figures of docs/benchmarks.md, "Sizes", in bytes.
func TestWhatIsShippedStaysSmall(t *testing.T) {
	for file, most := range map[string]int64{
		binary: 45e6,
		filepath.Join(repo, "build", "images", "server.tar"): 30e6,
	} {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > most {
			t.Errorf("%s: %d bytes, more than %d", file, info.Size(), most)
		}
	}
}
