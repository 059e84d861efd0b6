package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"stackctl/pkg/stackctl/stack"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var formats = map[string]func(stack.Report) ([]byte, error){
	"txt": Text, "json": JSON, "xml": JUnit, "md": Markdown, "html": HTML,
}

// samples are the reports with golden files.
func samples() map[string]stack.Report {
	refused := stack.Report{Run: "20260314T092653Z-deploy-0001", Verb: "deploy", Verdict: stack.VerdictRefused, ExitCode: 2,
		Reason: "stackctl.yaml:7: unknown key \"imagess\"", Fix: "did you mean \"images\"?", Started: start, Took: ms(12)}
	return map[string]stack.Report{"good": good(), "bad": bad(), "refused": refused}
}

func TestGolden(t *testing.T) {
	for name, r := range samples() {
		for ext, format := range formats {
			got, err := format(r)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+"."+ext, got)
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; look at it, then run go test ./pkg/stackctl/report -update\n%s", name, firstDifference(got, want))
	}
}

func firstDifference(got, want []byte) string {
	g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "got:  " + g[i] + "\nwant: " + w[i]
		}
	}
	return "one is longer"
}

func TestFailuresComeFirst(t *testing.T) {
	for ext, format := range formats {
		if ext == "json" || ext == "xml" {
			continue
		}
		got, err := format(bad())
		if err != nil {
			t.Fatal(err)
		}
		order := []string{"no nosniff on an error answer", "the answer never ended", "renewal is planned for Monday", "Does every service keep the rules?"}
		if ext != "html" {
			order[3] = "Compose and configuration"
		}
		last := -1
		for _, text := range order {
			k := strings.Index(string(got), text)
			if k <= last {
				t.Errorf("%s: %q is at %d, after %d expected", ext, text, k, last)
			}
			last = k
		}
	}
}

func TestHostileTextIsHarmless(t *testing.T) {
	for ext, format := range formats {
		t.Run(ext, func(t *testing.T) {
			got, err := format(hostile())
			if err != nil {
				t.Fatal(err)
			}
			if !utf8.Valid(got) {
				t.Error("not valid UTF-8")
			}
			if ext == "md" {
				got = outsideCode(got)
			}
			for _, c := range []string{"\x1b", "\x07", "\x00"} {
				if bytes.Contains(got, []byte(c)) {
					t.Errorf("control character %q came through", c)
				}
			}
			if ext != "json" && bytes.Contains(got, []byte("\u202e")) {
				t.Error("a direction override came through")
			}
			if (ext == "html" || ext == "md") && bytes.Contains(bytes.ToLower(got), []byte("<script")) {
				t.Error("a script tag came through")
			}
			if ext == "html" && bytes.Contains(got, []byte("<img")) {
				t.Error("an image tag came through")
			}
			if ext == "md" && bytes.Contains(got, []byte("\n# heading")) {
				t.Error("text made a heading")
			}
		})
	}
}

// outsideCode is Markdown without its code blocks and code spans, in which
// nothing is acted on.
func outsideCode(b []byte) []byte {
	b = regexp.MustCompile("(?ms)^```text\n.*?^```$").ReplaceAll(b, nil)
	return regexp.MustCompile("(?m)^Again: `[^`\n]*`$").ReplaceAll(b, nil)
}

func TestJSONReadsBack(t *testing.T) {
	got, err := JSON(bad())
	if err != nil {
		t.Fatal(err)
	}
	var back stack.Report
	if err := json.Unmarshal(got, &back); err != nil {
		t.Fatal(err)
	}
	again, err := JSON(back)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, again) {
		t.Error("reading report.json back gives another report")
	}
}

func TestJUnitCountsItsCases(t *testing.T) {
	for name, r := range samples() {
		got, err := JUnit(r)
		if err != nil {
			t.Fatal(err)
		}
		var back junitSuites
		if err := xml.Unmarshal(got, &back); err != nil {
			t.Fatal(err)
		}
		cases, bad := 0, 0
		for _, s := range back.Suites {
			cases += len(s.Cases)
			for _, c := range s.Cases {
				if c.Failure != nil || c.Error != nil {
					bad++
				}
			}
		}
		if cases != back.Tests || bad != back.Failures+back.Errors || cases == 0 {
			t.Errorf("%s: says %d cases, %d bad; holds %d, %d", name, back.Tests, back.Failures+back.Errors, cases, bad)
		}
		if (r.Verdict == stack.VerdictGood) != (bad == 0) {
			t.Errorf("%s: verdict %s but %d bad cases", name, r.Verdict, bad)
		}
	}
}

func TestPageNeedsNothingFromOutside(t *testing.T) {
	got, err := HTML(bad())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"<script", "src=", "@import", "url(", "<link", "<iframe"} {
		if bytes.Contains(got, []byte(s)) {
			t.Errorf("the page holds %q", s)
		}
	}
	if err := wellFormed(got); err != nil {
		t.Error(err)
	}
}

// wellFormed checks that every element is closed.
func wellFormed(b []byte) error {
	d := xml.NewDecoder(bytes.NewReader(b))
	d.Strict = false
	d.AutoClose, d.Entity = xml.HTMLAutoClose, xml.HTMLEntity
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func TestARunThatPickedNoReleaseSaysSo(t *testing.T) {
	text, err := Text(stack.Report{Run: "r", Verb: "rollback", Verdict: stack.VerdictRefused, Before: "5f2c", Live: "5f2c"})
	if err != nil || !strings.Contains(string(text), "release  none (live: 5f2c)") {
		t.Errorf("%v\n%s", err, text)
	}
}

func TestWhoLoggedNothingHasNoLastLines(t *testing.T) {
	r := stack.Report{Run: "r", Verb: "deploy", Verdict: stack.VerdictStepFailed, Logs: map[string]string{"silent": "\n", "loud": "why"}}
	for name, render := range map[string]func(stack.Report) ([]byte, error){"text": Text, "html": HTML, "markdown": Markdown} {
		text, err := render(r)
		if err != nil || !strings.Contains(string(text), "loud") || strings.Contains(string(text), "silent") {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}
