package gate

import (
	"path"
	"regexp"
	"strings"
	"time"
)

func ruleHealth(j *composeJudge) {
	if j.svc.OneShot {
		return
	}
	h := j.svc.Healthcheck
	fix := "add a health check that asks the program itself, such as [\"CMD\", \"/server\", \"healthcheck\", \"NAME\"]"
	switch {
	case h == nil:
		j.add("no health check", "a health check", "none", fix)
	case h.Disabled || len(h.Test) == 0 || strings.EqualFold(h.Test[0], "NONE"):
		j.add("the health check is disabled", "a health check", orWord(strings.Join(h.Test, " "), "disable: true"), fix)
	case hollowCheck(h.Test):
		j.add("the health check cannot fail", "a check that fails when the program does not answer", shorten(strings.Join(h.Test, " ")), fix)
	case h.Interval > rareCheck:
		j.add("the health check looks too rarely", "every "+rareCheck.String()+" at least", h.Interval.String(), "write a shorter interval")
	}
}

// rareCheck is the longest interval at which a program that died is found
// before its users tell.
const rareCheck = 5 * time.Minute

var (
	hollowWord = regexp.MustCompile(`^(?:/(?:usr/)?bin/)?(?:true|:|echo|printf|exit 0|sleep|date|ls|pwd|uname|hostname|test 1|\[ 1)(?:\s|$)`)
	// hollowWay ends calls that print something and ask nothing.
	hollowWay  = regexp.MustCompile(`\s(?:--?version|version|--?help|help|-v|-V|-h)$`)
	hollowTail = regexp.MustCompile(`(?:\|\||;|&)\s*(?:/bin/)?(?:true|:|exit\s+0|echo\b[^|&;]*)\s*$`)
)

// hollowCheck tells a test that says healthy whatever happens.
func hollowCheck(test []string) bool {
	words := test
	if strings.EqualFold(words[0], "CMD") || strings.EqualFold(words[0], "CMD-SHELL") {
		words = words[1:]
	}
	if len(words) == 0 {
		return true
	}
	if base := path.Base(words[0]); (base == "sh" || base == "bash" || base == "ash") && len(words) >= 3 && strings.HasPrefix(words[1], "-") && strings.HasSuffix(words[1], "c") {
		words = words[2:3]
	}
	text := strings.TrimSpace(strings.Join(words, " "))
	if hollowTail.MatchString(text) || text == "" || hollowWay.MatchString(text) && !strings.ContainsAny(text, "|&;") {
		return true
	}
	return hollowWord.MatchString(text) && !strings.ContainsAny(text, "|&;")
}
