package redact

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/rs/zerolog"
	"github.com/spf13/viper"
	"github.com/zricethezav/gitleaks/v8/config"
	"github.com/zricethezav/gitleaks/v8/detect/codec"
	"github.com/zricethezav/gitleaks/v8/logging"
)

// decodings bounds how many encodings within each other are seen through.
const decodings = 3

// detector applies gitleaks' rules and decoders to a text in memory, and finds
// what gitleaks' own detector finds there: detector_test.go compares them. That
// one reads git histories and archives as well, and would bring every format of
// those along. No comment in the text switches a rule off.
type detector struct {
	rules   []config.Rule
	allowed []*config.Allowlist
}

// theDetector compiles the rules once, when they are first needed. It reads them
// with a viper of its own: gitleaks' ready-made constructor would change the
// process-wide one.
var theDetector = sync.OnceValues(func() (detector, error) {
	logging.Logger = zerolog.Nop()
	v := viper.New()
	v.SetConfigType("toml")
	if err := v.ReadConfig(strings.NewReader(config.DefaultConfig)); err != nil {
		return detector{}, fmt.Errorf("read the rules of the pattern net: %w", err)
	}
	var vc config.ViperConfig
	if err := v.Unmarshal(&vc); err != nil {
		return detector{}, fmt.Errorf("read the rules of the pattern net: %w", err)
	}
	cfg, err := vc.Translate()
	if err != nil {
		return detector{}, fmt.Errorf("read the rules of the pattern net: %w", err)
	}
	return newDetector(cfg)
})

// newDetector takes the rules that speak of a text; those of a file's name have
// nothing to say about one.
func newDetector(cfg config.Config) (detector, error) {
	d := detector{allowed: cfg.Allowlists}
	for _, r := range slices.SortedFunc(maps.Values(cfg.Rules), func(a, b config.Rule) int { return cmp.Compare(a.RuleID, b.RuleID) }) {
		switch {
		case len(r.RequiredRules) > 0 || r.SkipReport:
			return detector{}, fmt.Errorf("rule %s of the pattern net is part of a composed one, which the net does not know", r.RuleID)
		case r.Path == nil:
			d.rules = append(d.rules, r)
		}
	}
	return d, nil
}

// find finds what looks like a secret, also within encodings.
func (d detector) find(text string) []Pattern {
	var found []Pattern
	var segments []*codec.EncodedSegment
	decoder, current := codec.NewDecoder(), text
	for depth := 0; ; depth++ {
		lower := strings.ToLower(current)
		for _, r := range d.rules {
			if len(r.Keywords) == 0 || slices.ContainsFunc(r.Keywords, func(k string) bool { return strings.Contains(lower, strings.ToLower(k)) }) {
				found = append(found, d.apply(r, text, current, segments)...)
			}
		}
		if depth == decodings {
			break
		}
		if current, segments = decoder.Decode(current, segments); len(segments) == 0 {
			break
		}
	}
	return slices.DeleteFunc(slices.Clone(found), func(p Pattern) bool { return p.generic() && slices.ContainsFunc(found, p.isLess) })
}

// apply finds what one rule matches. Current is the text with its encoded
// segments decoded in place; what lies outside them was seen before.
func (d detector) apply(r config.Rule, text, current string, segments []*codec.EncodedSegment) []Pattern {
	var found []Pattern
	for _, at := range r.Regex.FindAllStringIndex(current, -1) {
		match := strings.Trim(current[at[0]:at[1]], "\n")
		around := ""
		if len(segments) == 0 {
			at[1] = at[0] + len(match)
		} else {
			over := codec.SegmentsWithDecodedOverlap(segments, at[0], at[1])
			if len(over) == 0 {
				continue
			}
			at, around = codec.AdjustMatchIndex(over, at), codec.CurrentLine(over, current)
		}
		p := Pattern{Rule: r.RuleID, secret: secretIn(r, match), match: match}
		p.Line, p.line = lineAt(text, at[0], at[1])
		if around == "" {
			around = p.line
		}
		if r.Entropy != 0 && entropy(p.secret) <= r.Entropy {
			continue
		}
		harmless := func(a *config.Allowlist) bool { return allows(a, p, around) }
		if !slices.ContainsFunc(d.allowed, harmless) && !slices.ContainsFunc(r.Allowlists, harmless) {
			found = append(found, p)
		}
	}
	return found
}

// secretIn is the part of a match that is the secret: the group that the rule
// names, the first that is not empty, or all of it.
func secretIn(r config.Rule, match string) string {
	groups := r.Regex.FindStringSubmatch(match)
	if len(groups) < 2 {
		return match
	}
	if r.SecretGroup > 0 {
		return groups[r.SecretGroup]
	}
	return cmp.Or(cmp.Or(groups[1:]...), match)
}

// lineAt is the number of the line in which a match begins, from 1, and the
// text of the lines that it touches. A match that begins with a line's end
// belongs to the next line.
func lineAt(text string, start, end int) (int, string) {
	before := text[:min(start+1, len(text))]
	first := strings.LastIndexByte(before, '\n') + 1
	end = max(end, first)
	last := len(text)
	if i := strings.IndexByte(text[end:], '\n'); i >= 0 {
		last = end + i
	}
	return strings.Count(before, "\n") + 1, text[first:last]
}

// allows reports whether a list of harmless values knows a finding. What it asks
// of files and commits is never so: a text is of none.
func allows(a *config.Allowlist, p Pattern, around string) bool {
	target := p.secret
	switch a.RegexTarget {
	case "match":
		target = p.match
	case "line":
		target = around
	}
	regex := a.RegexAllowed(target)
	word, _ := a.ContainsStopWord(p.secret)
	if a.MatchCondition != config.AllowlistMatchAnd {
		return regex || word
	}
	return len(a.Commits) == 0 && len(a.Paths) == 0 && (regex || len(a.Regexes) == 0) && (word || len(a.StopWords) == 0)
}

// generic reports whether the rule knows no more than that something is secret.
func (p Pattern) generic() bool { return strings.Contains(strings.ToLower(p.Rule), "generic") }

// isLess reports whether another finding tells the same and what it is.
func (p Pattern) isLess(other Pattern) bool {
	return p.Line == other.Line && !other.generic() && strings.Contains(other.secret, p.secret)
}

// entropy is Shannon's, in bits a character.
func entropy(s string) float64 {
	counts := map[rune]int{}
	for _, c := range s {
		counts[c]++
	}
	sum := 0.0
	for _, n := range counts {
		share := float64(n) / float64(len(s))
		sum -= share * math.Log2(share)
	}
	return sum
}
