package app

import (
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
)

// The filter of breached passwords: a Bloom filter of a fixed size over the
// passwords that fit the policy, of the 999,998 most frequent ones in published
// breaches. It needs no network. What is in it is always found; of passwords
// that are not, about one in 90,000 is refused as well (TestFilterOfBreaches
// counts). `go generate ./pkg/server/app` makes it anew.
const (
	filterBits   = 1 << 20 // 128 KiB
	filterHashes = 16
)

//go:generate sh passwords/generate.sh

//go:embed passwords/breached.bloom
var breachedFilter []byte

// isBreached reports whether a folded password is in the filter.
func isBreached(folded string) bool {
	for _, bit := range filterPlaces(folded) {
		if breachedFilter[bit/8]&(1<<(bit%8)) == 0 {
			return false
		}
	}
	return true
}

// filterPlaces are the bits of a password (Kirsch and Mitzenmacher: two hashes
// are as good as many).
func filterPlaces(folded string) [filterHashes]uint64 {
	sum := sha256.Sum256([]byte(folded))
	first, second := binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])|1
	var places [filterHashes]uint64
	for i := range places {
		places[i] = (first + uint64(i)*second) % filterBits
	}
	return places
}
