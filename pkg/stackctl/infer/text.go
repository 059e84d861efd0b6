package infer

import (
	"path"
	"slices"
	"strings"
)

// textEndings are endings of files that people write a program in.
var textEndings = []string{".py", ".rb", ".erb", ".php", ".phtml", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".vue", ".svelte", ".go", ".rs", ".java", ".kt", ".scala",
	".cs", ".ex", ".exs", ".heex", ".erl", ".clj", ".lua", ".pl", ".pm", ".r", ".jl", ".dart", ".swift", ".c", ".h", ".cpp", ".hpp", ".css", ".scss", ".html", ".htm", ".sh"}

// manifests name the parts of a program: where one stands beside its text, the
// folder is the program's, whatever pictures and settings it has.
var manifests = []string{"package.json", "composer.json", "requirements.txt", "pyproject.toml", "pipfile", "gemfile", "go.mod", "cargo.toml", "pom.xml", "build.gradle", "build.gradle.kts", "mix.exs", "deno.json"}

// ProgramText reports whether the files of a folder are a program that people
// write, and not what one keeps: more of them have the endings of programs than
// not. names are those of its files, without their folders. Hidden ones, and those
// of containers, stand in folders of every kind.
func ProgramText(names []string) bool {
	text, other, manifest := 0, 0, false
	for _, name := range names {
		name = strings.ToLower(name)
		switch {
		case strings.HasPrefix(name, "."), strings.HasPrefix(name, "dockerfile"), strings.HasPrefix(name, "compose."), strings.HasPrefix(name, "docker-compose"), name == "stackctl.yaml":
		case slices.Contains(manifests, name):
			manifest = true
		case slices.Contains(textEndings, path.Ext(name)):
			text++
		default:
			other++
		}
	}
	return text > other || manifest && text > 0
}
