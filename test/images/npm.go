package main

import (
	"crypto/sha512"
	"encoding/base64"
)

// integrityOf is the digest of a package as npm writes it (Subresource Integrity).
func integrityOf(content []byte) string {
	sum := sha512.Sum512(content)
	return "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
}
