package stack

// Short is text that came from outside, cut after n characters.
func Short(text string, n int) string {
	if r := []rune(text); len(r) > n {
		return string(r[:n]) + "…"
	}
	return text
}
