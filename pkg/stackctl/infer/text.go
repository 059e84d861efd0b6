package infer

import (
	"path"
	"slices"
	"strings"
)

// textEndings are endings of files that people write a program in.
var textEndings = []string{".py", ".rb", ".erb", ".php", ".phtml", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".vue", ".svelte", ".go", ".rs", ".java", ".kt", ".scala",
	".cs", ".ex", ".exs", ".heex", ".erl", ".clj", ".lua", ".pl", ".pm", ".r", ".jl", ".dart", ".swift", ".c", ".h", ".cpp", ".hpp", ".css", ".scss", ".html", ".htm", ".sh"}

// neutralFiles stand in folders of every kind.
var neutralFiles = []string{".gitkeep", ".keep", ".gitignore", ".ds_store"}

// ProgramText reports whether the files of a folder are a program that people
// write, and not what one keeps: more of them have the endings of programs than
// not. names are those of its files, without their folders.
func ProgramText(names []string) bool {
	text, other := 0, 0
	for _, name := range names {
		name = strings.ToLower(name)
		switch {
		case slices.Contains(neutralFiles, name):
		case slices.Contains(textEndings, path.Ext(name)):
			text++
		default:
			other++
		}
	}
	return text > other
}
