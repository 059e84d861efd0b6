package app

import (
	"net"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// User is somebody with an account.
type User struct {
	ID    string // UUID
	Email string // lower case, ASCII
	// EmailVerifiedAt is zero until the user has proven to read mail there.
	EmailVerifiedAt time.Time
	// PasswordHash is empty for a user who has no password.
	PasswordHash string
	DisplayName  string
	AvatarURL    string
	Bio          string
	Staff        bool
	// DisabledAt is zero for a user who may log in.
	DisabledAt time.Time
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// Disabled says whether the user is shut out.
func (u User) Disabled() bool { return !u.DisabledAt.IsZero() }

// ProfileUpdate is what a user may change about themselves; nil leaves a
// member as it is.
type ProfileUpdate struct {
	DisplayName *string
	AvatarURL   *string
	Bio         *string
}

// CleanEmail gives the form in which an address is stored: trimmed, lower
// case. Only ASCII is accepted, so that no two addresses look alike.
func CleanEmail(email string) (string, error) {
	email = strings.TrimSpace(email)
	if len(email) < 3 || len(email) > 254 {
		return "", Invalid("email", "must have 3 to 254 characters")
	}
	for i := range len(email) {
		if email[i] <= ' ' || email[i] >= 0x7f {
			return "", Invalid("email", "must be plain ASCII without spaces")
		}
	}
	local, domain, ok := strings.Cut(email, "@")
	if !ok || local == "" || domain == "" || strings.Contains(domain, "@") {
		return "", Invalid("email", "must look like name@example.com")
	}
	if strings.ContainsAny(email, `<>()[]\,;:"`) {
		return "", Invalid("email", "has a character that is not accepted")
	}
	return strings.ToLower(email), nil
}

// clean checks the update and gives it with its texts in NFC.
func (p ProfileUpdate) clean() (ProfileUpdate, error) {
	if p.DisplayName != nil {
		name, err := cleanText("display_name", *p.DisplayName, 80, false)
		if err != nil {
			return p, err
		}
		p.DisplayName = &name
	}
	if p.Bio != nil {
		bio, err := cleanText("bio", *p.Bio, 1000, true)
		if err != nil {
			return p, err
		}
		p.Bio = &bio
	}
	if p.AvatarURL != nil {
		avatar, err := cleanAvatar(*p.AvatarURL)
		if err != nil {
			return p, err
		}
		p.AvatarURL = &avatar
	}
	return p, nil
}

func cleanText(field, text string, longest int, lines bool) (string, error) {
	if !utf8.ValidString(text) {
		return "", Invalid(field, "is not valid UTF-8")
	}
	text = norm.NFC.String(strings.TrimSpace(text))
	if utf8.RuneCountInString(text) > longest {
		return "", Invalid(field, "is too long")
	}
	for _, r := range text {
		if lines && (r == '\n' || r == '\r' || r == '\t') {
			continue
		}
		// Cf holds the marks that turn text around or hide it.
		if unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) || isBidiControl(r) {
			return "", Invalid(field, "has a control character")
		}
	}
	return text, nil
}

func isBidiControl(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200e || r == 0x200f || r == 0x061c
}

// cleanAvatar accepts an https address of a public host: browsers of other
// users load it, and nothing inside the network may be reached through it.
func cleanAvatar(raw string) (string, error) {
	raw = strings.TrimSpace(raw)
	if raw == "" {
		return "", nil
	}
	if len(raw) > 500 {
		return "", Invalid("avatar_url", "is too long")
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.ContainsAny(raw, "\\ \t\r\n\x00") {
		return "", Invalid("avatar_url", "must be an https address")
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if ip := net.ParseIP(host); ip != nil || !strings.Contains(host, ".") || looksNumeric(host) || isInsideName(host) {
		return "", Invalid("avatar_url", "must name a public host")
	}
	return u.String(), nil
}

// looksNumeric catches the spellings of an IPv4 address that browsers accept
// and net.ParseIP does not: 127.1, 0x7f.0.0.1.
func looksNumeric(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	return last == "" || last[0] >= '0' && last[0] <= '9'
}

func isInsideName(host string) bool {
	for _, suffix := range []string{".localhost", ".local", ".internal", ".lan", ".home", ".arpa", ".test", ".invalid"} {
		if strings.HasSuffix(host, suffix) {
			return true
		}
	}
	return false
}
