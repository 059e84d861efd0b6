package openssh

import "strings"

// wildcard reports whether a name matches a pattern of * and ?.
func wildcard(name, pattern string) bool {
	star, resume := -1, 0
	n, p := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			n, p = n+1, p+1
		case star >= 0:
			resume++
			n, p = resume, star+1
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// listed reports whether a name matches one of the patterns and none of those
// that begin with !.
func listed(name string, patterns []string) bool {
	found := false
	for _, p := range patterns {
		negated, is := strings.CutPrefix(p, "!")
		switch {
		case is && wildcard(name, negated):
			return false
		case !is && wildcard(name, p):
			found = true
		}
	}
	return found
}
