package release

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"stackctl/pkg/stackctl/stack"
)

// composeNames are the names of compose files in the order in which Compose
// looks for them, with those of their overrides.
var composeNames = [][]string{
	{"compose.yaml", "compose.override.yaml", "compose.override.yml"},
	{"compose.yml", "compose.override.yml", "compose.override.yaml"},
	{"docker-compose.yml", "docker-compose.override.yml", "docker-compose.override.yaml"},
	{"docker-compose.yaml", "docker-compose.override.yaml", "docker-compose.override.yml"},
}

// Find finds the compose files of a folder as Compose does: those that
// COMPOSE_FILE names, else the first of its names with its override. Paths are
// relative to the folder.
func Find(root string, env map[string]string) ([]string, error) {
	if named := env["COMPOSE_FILE"]; named != "" {
		separator := env["COMPOSE_PATH_SEPARATOR"]
		if separator == "" {
			separator = string(os.PathListSeparator)
		}
		files := strings.Split(named, separator)
		for _, f := range files {
			if !isFile(at(root, f)) {
				return nil, stack.Usage(".env", 0, "COMPOSE_FILE names "+f+", which is no file", "correct it, or name the files with --file")
			}
		}
		return files, nil
	}
	var tried []string
	for _, list := range composeNames {
		if !isFile(at(root, list[0])) {
			tried = append(tried, list[0])
			continue
		}
		for _, over := range list[1:] {
			if isFile(at(root, over)) {
				return []string{list[0], over}, nil
			}
		}
		return list[:1], nil
	}
	if others := otherwiseNamed(root); len(others) > 0 {
		return nil, stack.Usage(root, 0, fmt.Sprintf("there is no compose file that Compose finds by itself: none of %s", strings.Join(tried, ", ")), "name the one that you deploy: --file "+strings.Join(others, ", or --file "))
	}
	return nil, stack.Usage(root, 0, fmt.Sprintf("there is no compose file: none of %s", strings.Join(tried, ", ")), "run this in the folder that has it, or name it with --file")
}

// otherwiseNamed are files of a folder that are called compose files, such as
// docker-compose.prod.yml.
func otherwiseNamed(root string) []string {
	var out []string
	for _, pattern := range []string{"*compose*.yml", "*compose*.yaml"} {
		found, _ := filepath.Glob(filepath.Join(root, pattern))
		for _, file := range found {
			if isFile(file) {
				out = append(out, filepath.Base(file))
			}
		}
	}
	return out
}

func at(root, file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(root, file)
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
