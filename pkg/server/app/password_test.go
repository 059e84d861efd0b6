package app

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestWritePasswordLists is what passwords/generate.sh runs; without its list
// there is nothing to write.
func TestWritePasswordLists(t *testing.T) {
	path := os.Getenv("PASSWORD_LIST")
	if path == "" {
		return
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const common = 10000
	set, filter := map[string]bool{}, make([]byte, filterBits/8)
	for word := range strings.FieldsSeq(commonText) {
		set[word] = true
	}
	frequent, fits := 0, 0
	for line := range strings.Lines(string(text)) {
		_, word := foldPassword(strings.TrimSpace(line))
		if !utf8.ValidString(word) || utf8.RuneCountInString(word) < MinPassword || utf8.RuneCountInString(word) > MaxPassword {
			continue
		}
		fits++
		for _, bit := range filterPlaces(word) {
			filter[bit/8] |= 1 << (bit % 8)
		}
		if frequent < common && !set[word] {
			frequent++
			set[word] = true
		}
	}
	words := make([]string, 0, len(set))
	for word := range set {
		words = append(words, word)
	}
	slices.Sort(words)
	if err := os.WriteFile("passwords/common.txt", []byte(strings.Join(words, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("passwords/breached.bloom", filter, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d passwords fit, %d are common", fits, len(words))
}

func TestTenThousandCommonPasswordsThatFitThePolicy(t *testing.T) {
	fit, breached := 0, 0
	for word := range commonPasswords() {
		if utf8.RuneCountInString(word) < MinPassword {
			continue
		}
		fit++
		if isBreached(word) {
			breached++
		}
		if _, err := CleanNewPassword(word); err == nil {
			t.Errorf("%q is accepted", word)
		}
	}
	if fit < 10000 || breached < fit-400 {
		t.Errorf("%d common passwords, %d of them in the filter", fit, breached)
	}
}

// TestFilterOfBreaches counts how many passwords that nobody has used are
// refused: about one in 90,000, as breached.go says.
func TestFilterOfBreaches(t *testing.T) {
	if len(breachedFilter) != filterBits/8 || bytes.Count(breachedFilter, []byte{0xff}) == len(breachedFilter) {
		t.Fatalf("%d bytes", len(breachedFilter))
	}
	random := rand.New(rand.NewPCG(1, 2))
	const tries = 400000
	refused := 0
	for range tries {
		var b [10]byte
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		if isBreached(hex.EncodeToString(b[:])) {
			refused++
		}
	}
	if refused > 3*tries/90000+3 {
		t.Errorf("%d of %d are refused", refused, tries)
	}
}
