package traefik

import (
	"regexp"
	"strings"
)

// Request is a request as far as a router's rule can tell it apart. An empty
// Path stands for any path.
type Request struct{ Host, Path, Method string }

// answer says whether a request can meet a rule. Headers, queries, addresses and
// what this does not know can be met by some request, so they are maybe.
type answer int

const (
	// No means that the request does not meet the rule.
	No answer = iota
	// Perhaps means that it depends on what is not looked at.
	Perhaps
	// Yes means that it meets the rule.
	Yes
)

// Meets evaluates a Traefik rule (v3 syntax). What cannot be read is
// perhaps met: the edge itself switches such a router off.
func Meets(rule string, a Request) answer {
	p := ruleParser{text: rule, ask: a}
	m := p.either(0)
	if p.space(); p.broken || p.at < len(p.text) {
		return Perhaps
	}
	return m
}

type ruleParser struct {
	text   string
	at     int
	ask    Request
	broken bool
}

func (p *ruleParser) space() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

func (p *ruleParser) take(word string) bool {
	p.space()
	if strings.HasPrefix(p.text[p.at:], word) {
		p.at += len(word)
		return true
	}
	return false
}

func (p *ruleParser) either(depth int) answer {
	m := p.both(depth)
	for !p.broken && p.take("||") {
		m = max(m, p.both(depth))
	}
	return m
}

func (p *ruleParser) both(depth int) answer {
	m := p.single(depth)
	for !p.broken && p.take("&&") {
		m = min(m, p.single(depth))
	}
	return m
}

func (p *ruleParser) single(depth int) answer {
	switch {
	case depth > 32 || p.broken:
		p.broken = true
		return Perhaps
	case p.take("!"):
		return Yes - p.single(depth+1)
	case p.take("("):
		m := p.either(depth + 1)
		p.broken = p.broken || !p.take(")")
		return m
	}
	return p.matcher()
}

var ruleCall = regexp.MustCompile("^([A-Za-z]+)\\(([^)`\"]*(?:(?:`[^`]*`|\"[^\"]*\")[^)`\"]*)*)\\)")

func (p *ruleParser) matcher() answer {
	p.space()
	m := ruleCall.FindStringSubmatch(p.text[p.at:])
	if m == nil {
		p.broken = true
		return Perhaps
	}
	p.at += len(m[0])
	found := No
	for _, q := range QuotedString.FindAllStringSubmatch(m[2], 64) {
		found = max(found, ruleMatcher(strings.ToLower(m[1]), q[1]+q[2], p.ask))
	}
	return found
}

func ruleMatcher(name, value string, a Request) answer {
	yes := func(ok bool) answer {
		if ok {
			return Yes
		}
		return No
	}
	pattern := func(text string) answer {
		re, err := regexp.Compile(value)
		if err != nil {
			return Perhaps
		}
		return yes(re.MatchString(text))
	}
	if strings.HasPrefix(name, "path") && a.Path == "" {
		return Perhaps
	}
	switch name {
	case "host":
		return yes(strings.EqualFold(value, a.Host))
	case "hostregexp":
		return pattern(a.Host)
	case "path":
		return yes(a.Path == value)
	case "pathprefix":
		return yes(strings.HasPrefix(a.Path, value))
	case "pathregexp":
		return pattern(a.Path)
	case "method":
		return yes(a.Method == "" || strings.EqualFold(value, a.Method))
	}
	return Perhaps
}
