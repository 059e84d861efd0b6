package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	dockerconfig "github.com/docker/cli/cli/config"
)

// localHost is where the docker command of this machine would look for its
// Engine: empty for DOCKER_HOST and the default.
func localHost() (string, error) {
	if os.Getenv("DOCKER_HOST") != "" {
		return "", nil
	}
	name := os.Getenv("DOCKER_CONTEXT")
	if name == "" {
		settings, err := dockerconfig.Load(dockerconfig.Dir())
		if err != nil {
			return "", nil // broken settings have no context: the default socket is tried
		}
		name = settings.CurrentContext
	}
	if name == "" || name == "default" {
		return "", nil
	}
	// Contexts are kept under the SHA-256 of their names (docker/cli, cli/context/store).
	sum := sha256.Sum256([]byte(name))
	raw, err := os.ReadFile(filepath.Join(dockerconfig.Dir(), "contexts", "meta", hex.EncodeToString(sum[:]), "meta.json"))
	if err != nil {
		return "", fmt.Errorf("the docker context %s cannot be read: %w", name, err)
	}
	var meta struct {
		Endpoints map[string]struct{ Host string }
	}
	if err := json.Unmarshal(raw, &meta); err != nil {
		return "", fmt.Errorf("the docker context %s cannot be read: %w", name, err)
	}
	return meta.Endpoints["docker"].Host, nil
}
