package compose

import (
	"cmp"
	"path"
	"regexp"
	"strings"
	"time"

	"stackctl/pkg/stackctl/gate/probe"
	"stackctl/pkg/stackctl/stack"
)

func ruleHealth(j *judge) {
	if j.svc.OneShot {
		return
	}
	h := j.svc.Healthcheck
	fix := "add a health check that asks the program itself, such as [\"CMD\", \"/server\", \"healthcheck\", \"NAME\"]"
	switch {
	case h == nil:
		j.add(healthcheckRule, "no health check", "a health check", "none", fix)
	case h.Disabled || len(h.Test) == 0 || strings.EqualFold(h.Test[0], "NONE"):
		j.add(healthcheckRule, "the health check is disabled", "a health check", cmp.Or(strings.Join(h.Test, " "), "disable: true"), fix)
	case hollowCheck(h.Test):
		j.add(healthcheckRule, "the health check cannot fail", "a check that fails when the program does not answer", probe.Shown(strings.Join(h.Test, " ")), fix)
	case h.Interval > rareCheck:
		j.add(healthcheckRule, "the health check looks too rarely", "every "+rareCheck.String()+" at least", h.Interval.String(), "write a shorter interval")
	case found(*h) > lateCheck:
		j.add(healthcheckRule, "the health check finds what died too late", lateCheck.String()+" at most", found(*h).String(), "write fewer retries, or a shorter interval, timeout or start_period")
	}
}

// found is how long a program that never answers can pass for healthy or
// starting. Docker's own defaults stand for what is not said.
func found(h stack.Healthcheck) time.Duration {
	retries, interval, timeout := cmp.Or(h.Retries, 3), cmp.Or(h.Interval, 30*time.Second), cmp.Or(h.Timeout, 30*time.Second)
	if retries > 10_000 {
		return time.Duration(1<<63 - 1)
	}
	return max(h.StartPeriod, time.Duration(retries)*(interval+min(timeout, interval)), timeout)
}

// rareCheck is the longest interval at which a program that died is found
// before its users tell.
const rareCheck = 5 * time.Minute

// lateCheck is the longest time after which a program that died must be
// called unhealthy.
const lateCheck = time.Hour

var (
	hollowWord = regexp.MustCompile(`^(?:exec\s+|command\s+|(?:/usr/bin/)?env\s+)*(?:/(?:usr/)?bin/)?(?:(?:true|:|echo|printf|sleep|date|ls|pwd|uname|hostname|cat /dev/null|kill -0 1)(?:\s|$)|(?:exit|return)\s+(?:0+|\$\(\(0\)*)$|! ?false$|(?:test|\[) (?:1|-n [^$]*|[a-z]+ = [a-z]+)(?: \])?$)`)
	// hollowWay ends calls that print something and ask nothing.
	hollowWay = regexp.MustCompile(`\s(?:--?version|version|--?help|help|-v|-V|-h)$`)
	// hollowPipe ends pipes that pass on what comes, also nothing.
	hollowPipe = regexp.MustCompile(`^(?:/(?:usr/)?bin/)?(?:cat|tee|tail|head|wc|sort|tr|logger|cut)(?:\s|$)`)
	// hollowIf says healthy on both ways.
	hollowIf    = regexp.MustCompile(`\belse\s+(?:true|:|exit\s+0|echo\b[^;]*)\s*;?\s*fi$`)
	shellRemark = regexp.MustCompile(`(?m)\s#[^"'\n]*$`)
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
	text := strings.TrimSpace(shellRemark.ReplaceAllString(strings.Join(words, " "), ""))
	if text == "" || hollowWay.MatchString(text) && !strings.ContainsAny(text, "|&;") || hollowIf.MatchString(text) {
		return true
	}
	return hollowScript(text)
}

// hollowScript judges a command line by what decides its end: the last of
// several commands, and of that each way to it.
func hollowScript(text string) bool {
	text = strings.TrimRight(text, "; \n\t")
	if strings.HasSuffix(text, "&") {
		return true // it is not waited for
	}
	last := text[strings.LastIndexAny(text, ";\n")+1:]
	for way := range strings.SplitSeq(last, "||") {
		hollow := true
		for step := range strings.SplitSeq(way, "&&") {
			hollow = hollow && hollowStep(step)
		}
		if hollow {
			return true
		}
	}
	return false
}

// hollowStep reports whether one command, or the last of a pipe, cannot fail.
func hollowStep(step string) bool {
	i := strings.LastIndex(step, "|")
	step = strings.Trim(step[i+1:], " \t(){}")
	return hollowWord.MatchString(step) || i >= 0 && hollowPipe.MatchString(step)
}
