package build

import (
	"slices"
	"testing"
)

func TestWhereAnImageGetsItsFiles(t *testing.T) {
	for name, c := range map[string]struct {
		dockerfile, target string
		want               []string
	}{
		"relative to the folder":     {"FROM a\nWORKDIR /srv\nWORKDIR app\nCOPY . ./\nCOPY --chown=1:1 x y \\\n  # why\n  lib/\n", "", []string{"/srv/app", "/srv/app/lib"}},
		"the last stage":             {"FROM a AS build\nCOPY . /src\nFROM b\nCOPY --from=build /src/out /usr/share/nginx/html/\n", "", []string{"/usr/share/nginx/html"}},
		"a stage that is built on":   {"FROM a AS base\nWORKDIR /app\nCOPY . .\nfrom base as prod\nADD [\"one\", \"/two\"]\n", "", []string{"/app", "/two"}},
		"a target":                   {"FROM a AS base\nCOPY . /one\nFROM base AS dev\nFROM base AS prod\nCOPY x /two\n", "DEV", []string{"/one"}},
		"a variable":                 {"FROM a\nWORKDIR $HOME\nCOPY . ${APP}\nCOPY . /known\n", "", []string{"/known"}},
		"Windows' ends of lines":     {"FROM a\r\nCOPY . \\\r\n /app\r\n", "", []string{"/app"}},
		"nothing is copied":          {"FROM a\nRUN make COPY\n", "", nil},
		"an instruction before FROM": {"COPY . /x\n", "", nil},
		"words are missing":          {"FROM\nFROM a\nCOPY x\nWORKDIR\nCOPY\n", "", nil},
	} {
		if got := copied(c.dockerfile, c.target); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
