package app

import (
	"net/url"
	"slices"
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
	// Language is the one that pages and mails are in; empty: nobody has said.
	Language Language
	// Role is what a member of staff may do; RoleNone for everybody else.
	Role StaffRole
	// SecondFactor reports whether a login with the password asks for more: a code
	// of an authenticator app (TOTP), a passkey or a recovery code. The store knows
	// all three from the user's factors.
	SecondFactor bool
	TOTP         bool
	Passkey      bool
	// DisabledAt is zero for a user who may log in.
	DisabledAt time.Time
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// Disabled reports whether the user is shut out.
func (u User) Disabled() bool { return !u.DisabledAt.IsZero() }

// Staff reports whether the user is a member of staff.
func (u User) Staff() bool { return u.Role.Includes(RoleViewer) }

// ProfileUpdate is what a user may change about themselves; nil leaves a
// member as it is.
type ProfileUpdate struct {
	DisplayName *string
	AvatarURL   *string
	Bio         *string
	Language    *Language
}

// CleanEmail returns the form in which an address is stored: trimmed, lower
// case. Only ASCII is accepted, so that no two addresses look alike.
func CleanEmail(email string) (string, error) {
	email = strings.TrimSpace(email)
	if len(email) < 3 || len(email) > 254 {
		return "", Invalid("email", RefusedEmail, "must have 3 to 254 characters")
	}
	for i := range len(email) {
		if email[i] <= ' ' || email[i] >= 0x7f {
			return "", Invalid("email", RefusedCharacter, "must be plain ASCII without spaces")
		}
	}
	email = strings.ToLower(email)
	local, domain, _ := strings.Cut(email, "@")
	// % and ! tell old relays to send the mail on to somebody else.
	if strings.ContainsAny(local, `<>()[]\,;:"%!`) {
		return "", Invalid("email", RefusedCharacter, "has a character that is not accepted")
	}
	if local == "" || len(local) > 64 || strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, "..") || !publicHost(domain) {
		return "", Invalid("email", RefusedEmail, "must look like name@example.com")
	}
	return email, nil
}

// publicHost reports whether a lower-case name could be that of a host that
// everybody reaches: plain ASCII labels, at least two, the last one no number.
// What browsers fold into such a name (full-width digits, other dots) is none.
func publicHost(host string) bool {
	labels := strings.Split(host, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	last := labels[len(labels)-1]
	return len(labels) > 1 && len(host) <= 253 && (last[0] < '0' || last[0] > '9') && !isInsideName(host)
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
	if p.Language != nil && !slices.Contains(Languages, *p.Language) {
		return p, Invalid("language", RefusedForm, "is no language of the site")
	}
	return p, nil
}

func cleanText(field, text string, longest int, lines bool) (string, error) {
	if !utf8.ValidString(text) {
		return "", Invalid(field, RefusedCharacter, "is not valid UTF-8")
	}
	text = norm.NFC.String(strings.TrimSpace(text))
	if utf8.RuneCountInString(text) > longest {
		return "", Invalid(field, RefusedLong, "is too long")
	}
	for _, r := range text {
		if lines && (r == '\n' || r == '\r' || r == '\t') {
			continue
		}
		if unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp) || isBidiControl(r) {
			return "", Invalid(field, RefusedCharacter, "has a control character")
		}
	}
	// What nobody sees makes a text pass for another.
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return lines && unicode.In(r, unicode.Cc) }) {
		if !isPlainLine(line) {
			return "", Invalid(field, RefusedCharacter, "has a character that cannot be seen, or too many marks on one letter")
		}
	}
	if !lines && isMasked(text) {
		return "", Invalid(field, RefusedMixed, "mixes letters of alphabets that look alike")
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
		return "", Invalid("avatar_url", RefusedLong, "is too long")
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.ContainsAny(raw, "\\ \t\r\n\x00") {
		return "", Invalid("avatar_url", RefusedHTTPS, "must be an https address")
	}
	if port := u.Port(); !publicHost(strings.ToLower(u.Hostname())) || port != "" && port != "443" {
		return "", Invalid("avatar_url", RefusedPrivate, "must name a public host, on its usual port")
	}
	if raw = u.String(); len(raw) > 500 { // with what it escaped
		return "", Invalid("avatar_url", RefusedLong, "is too long")
	}
	return raw, nil
}

// isInsideName finds names that mean something inside a network alone.
func isInsideName(host string) bool {
	for _, suffix := range []string{".localhost", ".localdomain", ".local", ".internal", ".intranet", ".corp", ".lan", ".home", ".arpa", ".test", ".invalid", ".onion"} {
		if strings.HasSuffix(host, suffix) {
			return true
		}
	}
	return false
}
