package redact

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/viper"
	"github.com/zricethezav/gitleaks/v8/config"
	"github.com/zricethezav/gitleaks/v8/detect"
)

// gitleaks is the detector that ours is measured by.
func gitleaks(t *testing.T) *detect.Detector {
	t.Helper()
	if _, err := theDetector(); err != nil { // it quiets the log as well
		t.Fatal(err)
	}
	v := viper.New()
	v.SetConfigType("toml")
	if err := v.ReadConfig(strings.NewReader(config.DefaultConfig)); err != nil {
		t.Fatal(err)
	}
	var vc config.ViperConfig
	if err := v.Unmarshal(&vc); err != nil {
		t.Fatal(err)
	}
	cfg, err := vc.Translate()
	if err != nil {
		t.Fatal(err)
	}
	d := detect.NewDetector(cfg)
	d.MaxDecodeDepth, d.IgnoreGitleaksAllow = decodings, true
	return d
}

// same compares what both find in a text, and says how much that is.
func same(t *testing.T, theirs *detect.Detector, name, text string) int {
	t.Helper()
	ours, err := theDetector()
	if err != nil {
		t.Fatal(err)
	}
	// Theirs takes all of a text for its last line where that does not end.
	text = strings.TrimSuffix(text, "\n") + "\n"
	var want, got []string
	for _, f := range theirs.DetectString(text) {
		want = append(want, fmt.Sprintf("%s %d %q %q %q", f.RuleID, f.StartLine+1, f.Secret, f.Match, strings.TrimPrefix(f.Line, "\n")))
	}
	for _, p := range ours.find(text) {
		got = append(got, fmt.Sprintf("%s %d %q %q %q", p.Rule, p.Line, p.secret, p.match, strings.TrimPrefix(p.line, "\n")))
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("%s: in %q\ngitleaks: %s\nours:     %s", name, text, strings.Join(want, "\n          "), strings.Join(got, "\n          "))
	}
	return len(got)
}

// One text for each rule, made of the rule's expression, plain and within every
// encoding.
func TestItFindsWhatGitleaksFinds(t *testing.T) {
	theirs := gitleaks(t)
	percent := func(s string) string {
		var b strings.Builder
		for _, c := range []byte(s) {
			fmt.Fprintf(&b, "%%%02X", c)
		}
		return b.String()
	}
	based := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	encodings := map[string]func(string) string{
		"plain":        func(s string) string { return s },
		"json":         func(s string) string { b, _ := json.Marshal(map[string]string{"log": s}); return string(b) },
		"allow":        func(s string) string { return s + " # gitleaks:allow" },
		"base64":       based,
		"hex":          func(s string) string { return hex.EncodeToString([]byte(s)) },
		"percent":      percent,
		"base64 twice": func(s string) string { return based("see " + based(s) + " there") },
		"beyond depth": func(s string) string { return based(based(based(based(s)))) },
		"two lines":    func(s string) string { return s + "\n\nmore " + s },
	}
	found := map[string]int{}
	for _, id := range slices.Sorted(maps.Keys(theirs.Config.Rules)) {
		r := theirs.Config.Rules[id]
		if r.Regex == nil {
			continue
		}
		expr, err := syntax.Parse(r.Regex.String(), syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		example(&b, expr, rand.New(rand.NewPCG(1, 1)))
		for name, encode := range encodings {
			found[name] += same(t, theirs, id+", "+name, "first line\nkey: "+encode(b.String())+"\nlast line")
		}
	}
	for name := range encodings {
		if found[name] < 100 {
			t.Errorf("%s: %d findings, which proves nothing", name, found[name])
		}
	}
}

// What a repository holds, and that is ordinary for the most part.
func TestItFindsWhatGitleaksFindsInFiles(t *testing.T) {
	theirs := gitleaks(t)
	var names []string
	for _, pattern := range []string{"testdata/*", "../../../docs/*.md", "../../../go.sum", "../*/*.go", "../../../compose/*"} {
		more, err := filepath.Glob(pattern)
		if err != nil || len(more) == 0 {
			t.Fatalf("%s: %d files, err %v", pattern, len(more), err)
		}
		names = append(names, more...)
	}
	for _, name := range names {
		if info, err := os.Stat(name); err != nil || info.IsDir() {
			continue
		}
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		same(t, theirs, name, string(content))
	}
}

func TestARuleThatNeedsOthersIsRefused(t *testing.T) {
	cfg := config.Config{Rules: map[string]config.Rule{"a": {RuleID: "a", RequiredRules: []*config.Required{{RuleID: "b"}}}}}
	if _, err := newDetector(cfg); err == nil || !strings.Contains(err.Error(), "rule a ") {
		t.Errorf("got %v", err)
	}
}

// example writes a text that the expression matches, for the most part: what
// it says of a text's ends is ignored.
func example(b *strings.Builder, e *syntax.Regexp, r *rand.Rand) {
	switch e.Op {
	case syntax.OpLiteral:
		b.WriteString(string(e.Rune))
	case syntax.OpCharClass:
		b.WriteRune(printable(e.Rune, r))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteRune(printable([]rune{' ', '~'}, r))
	case syntax.OpCapture:
		example(b, e.Sub[0], r)
	case syntax.OpConcat:
		for _, sub := range e.Sub {
			example(b, sub, r)
		}
	case syntax.OpAlternate:
		example(b, e.Sub[r.IntN(len(e.Sub))], r)
	case syntax.OpStar:
		repeat(b, e.Sub[0], r, r.IntN(4))
	case syntax.OpPlus:
		repeat(b, e.Sub[0], r, 1+r.IntN(4))
	case syntax.OpQuest:
		repeat(b, e.Sub[0], r, r.IntN(2))
	case syntax.OpRepeat:
		more := 3
		if e.Max >= 0 {
			more = min(more, e.Max-e.Min)
		}
		repeat(b, e.Sub[0], r, e.Min+r.IntN(more+1))
	}
}

func repeat(b *strings.Builder, e *syntax.Regexp, r *rand.Rand, n int) {
	for range n {
		example(b, e, r)
	}
}

// printable picks a character of a class, one that is seen where there is one.
func printable(class []rune, r *rand.Rand) rune {
	var seen []rune
	for i := 0; i < len(class); i += 2 {
		for c := max(class[i], '!'); c <= min(class[i+1], '~'); c++ {
			seen = append(seen, c)
		}
	}
	if len(seen) == 0 {
		return class[0]
	}
	return seen[r.IntN(len(seen))]
}
