package fake

import "golang.org/x/crypto/ssh"

// fingerprint is a key's as the API has it.
func fingerprint(line string) string {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return ""
	}
	return ssh.FingerprintLegacyMD5(key)
}
