package openssh

import (
	"crypto/sha1" //nolint:gosec // ssh names its files by it; nothing is protected by it
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// tokens are the values of the letters after a %.
type tokens map[string]string

// tokens are those of ssh_config(5), TOKENS.
func (r *reader) tokens(host string) tokens {
	local, _ := os.Hostname()
	short, _, _ := strings.Cut(local, ".")
	port := r.port()
	if port == 0 {
		port = 22
	}
	remote := or(r.user(), r.places.LocalUser)
	jump := ""
	if r.one("proxyjump") != "" && !strings.EqualFold(r.one("proxyjump"), "none") {
		jump = r.one("proxyjump")
	}
	t := tokens{
		"d": r.places.Home, "h": host, "i": strconv.Itoa(os.Getuid()), "j": jump,
		"k": or(r.one("hostkeyalias"), r.query.Host), "L": short, "l": local, "n": r.query.Host,
		"p": strconv.Itoa(port), "r": remote, "u": r.places.LocalUser,
	}
	sum := sha1.Sum([]byte(local + host + t["p"] + remote + jump)) //nolint:gosec // as above
	t["C"] = hex.EncodeToString(sum[:])
	return t
}

// some expands the given letters; another one is refused.
func (t tokens) some(letters, text string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b.WriteByte(text[i])
			continue
		}
		if i++; i >= len(text) {
			return "", fmt.Errorf("%q ends with %%; %%%% means one", text)
		}
		letter := text[i : i+1]
		switch {
		case letter == "%":
			b.WriteByte('%')
		case strings.Contains(letters, letter):
			b.WriteString(t[letter])
		default:
			return "", fmt.Errorf("%q: %%%s means nothing here", text, letter)
		}
	}
	return b.String(), nil
}

// path expands ~, tokens and ${VARIABLES} of a file name.
func (t tokens) path(text string) (string, error) {
	text, err := variables(text)
	if err != nil {
		return "", err
	}
	if text == "~" || strings.HasPrefix(text, "~/") {
		text = t["d"] + text[1:]
	}
	if text, err = t.some("CdhijkLlnpru", text); err != nil {
		return "", err
	}
	if !filepath.IsAbs(text) {
		// ssh takes it from the folder where it was called.
		return text, nil
	}
	return filepath.Clean(text), nil
}

// variables expands ${NAME}; one that is not set is refused.
func variables(text string) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "${")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		name, rest, closed := strings.Cut(after, "}")
		value, set := os.LookupEnv(name)
		switch {
		case !closed || name == "":
			return "", fmt.Errorf("${%s is not closed by }", name)
		case !set:
			return "", fmt.Errorf("the variable %s is not set", name)
		}
		b.WriteString(value)
		text = rest
	}
}
