package infer

import "testing"

func TestAProgramsTextIsToldFromWhatItKeeps(t *testing.T) {
	for name, c := range map[string]struct {
		files []string
		want  bool
	}{
		"a program":               {[]string{"main.py", "models.py", "logo.svg"}, true},
		"capital letters":         {[]string{"Main.JAVA"}, true},
		"what visitors brought":   {[]string{"cat.jpg", "cv.pdf", "page.html"}, false},
		"nothing yet":             {[]string{".gitkeep", ".gitignore"}, false},
		"one file and a keeper":   {[]string{".gitkeep", "index.php"}, true},
		"settings":                {[]string{"app.yaml", "flags.json", "reload.sh"}, false},
		"half of it a program's":  {[]string{"a.js", "a.png"}, false},
		"a program of pictures":   {[]string{"package.json", "index.js", "a.png", "b.png", "c.png"}, true},
		"a list of parts alone":   {[]string{"package.json", "a.png"}, false},
		"beside its containers":   {[]string{"Dockerfile", "compose.yaml", "stackctl.yaml", ".env", "index.php"}, true},
		"a folder without a file": {nil, false},
	} {
		if got := ProgramText(c.files); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
