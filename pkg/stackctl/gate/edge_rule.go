package gate

import (
	"regexp"
	"strings"
)

// ruleAsk is a request as far as a router's rule can tell it apart. An empty
// path stands for any path.
type ruleAsk struct{ host, path, method string }

// may says whether a request can meet a rule. Headers, queries, addresses and
// what this does not know can be met by some request, so they are maybe.
type may int

const (
	mayNo may = iota
	mayPerhaps
	mayYes
)

// ruleMeets evaluates a Traefik rule (v3 syntax). What cannot be read is
// perhaps met: the edge itself switches such a router off.
func ruleMeets(rule string, a ruleAsk) may {
	p := ruleParser{text: rule, ask: a}
	m := p.either(0)
	if p.space(); p.broken || p.at < len(p.text) {
		return mayPerhaps
	}
	return m
}

type ruleParser struct {
	text   string
	at     int
	ask    ruleAsk
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

func (p *ruleParser) either(depth int) may {
	m := p.both(depth)
	for !p.broken && p.take("||") {
		m = max(m, p.both(depth))
	}
	return m
}

func (p *ruleParser) both(depth int) may {
	m := p.single(depth)
	for !p.broken && p.take("&&") {
		m = min(m, p.single(depth))
	}
	return m
}

func (p *ruleParser) single(depth int) may {
	switch {
	case depth > 32 || p.broken:
		p.broken = true
		return mayPerhaps
	case p.take("!"):
		return mayYes - p.single(depth+1)
	case p.take("("):
		m := p.either(depth + 1)
		p.broken = p.broken || !p.take(")")
		return m
	}
	return p.matcher()
}

var ruleCall = regexp.MustCompile("^([A-Za-z]+)\\(([^)`\"]*(?:(?:`[^`]*`|\"[^\"]*\")[^)`\"]*)*)\\)")

func (p *ruleParser) matcher() may {
	p.space()
	m := ruleCall.FindStringSubmatch(p.text[p.at:])
	if m == nil {
		p.broken = true
		return mayPerhaps
	}
	p.at += len(m[0])
	found := mayNo
	for _, q := range quotedString.FindAllStringSubmatch(m[2], 64) {
		found = max(found, ruleMatcher(strings.ToLower(m[1]), q[1]+q[2], p.ask))
	}
	return found
}

func ruleMatcher(name, value string, a ruleAsk) may {
	yes := func(ok bool) may {
		if ok {
			return mayYes
		}
		return mayNo
	}
	pattern := func(text string) may {
		re, err := regexp.Compile(value)
		if err != nil {
			return mayPerhaps
		}
		return yes(re.MatchString(text))
	}
	if strings.HasPrefix(name, "path") && a.path == "" {
		return mayPerhaps
	}
	switch name {
	case "host":
		return yes(strings.EqualFold(value, a.host))
	case "hostregexp":
		return pattern(a.host)
	case "path":
		return yes(a.path == value)
	case "pathprefix":
		return yes(strings.HasPrefix(a.path, value))
	case "pathregexp":
		return pattern(a.path)
	case "method":
		return yes(a.method == "" || strings.EqualFold(value, a.method))
	}
	return mayPerhaps
}
