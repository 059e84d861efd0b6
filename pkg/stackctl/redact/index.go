package redact

import (
	"encoding/binary"
	"sort"
	"strings"
)

// index finds many patterns in one pass: the first MinLength bytes at each
// position are hashed and looked up in a bit set; only where that answers
// are the patterns with this beginning compared. It never changes.
type index struct {
	bits    [1 << (bloomBits - 6)]uint64
	byStart map[uint64][]pattern
	// begins holds every beginning of a pattern that is shorter than
	// MinLength, to tell at the end of a chunk whether one may go on.
	begins map[string]bool
}

const (
	bloomBits = 18
	startMask = 1<<(8*MinLength) - 1
	multiply  = 0x9E3779B97F4A7C15
)

type pattern struct {
	text string
	name string
}

// span is one masked piece of a text.
type span struct {
	start, end int
	name       string
}

func newIndex(known map[string]string) *index {
	ix := &index{byStart: map[uint64][]pattern{}, begins: map[string]bool{}}
	names := make([]string, 0, len(known))
	for name := range known {
		names = append(names, name)
	}
	sort.Strings(names) // one name for a value that has two, always the same
	seen := map[string]bool{}
	add := func(text, name string) {
		if len(text) < MinLength || seen[text] {
			return
		}
		seen[text] = true
		ix.add(pattern{text: text, name: name})
	}
	for _, name := range names {
		for _, part := range Parts(known[name]) {
			for _, form := range forms(part) {
				add(form, name)
			}
			add(string(plain([]byte(part))), name)
			add(string(plain([]byte(strings.ReplaceAll(part, " ", "+")))), name)
		}
	}
	for _, ps := range ix.byStart {
		sort.Slice(ps, func(i, j int) bool { return len(ps[i].text) > len(ps[j].text) })
	}
	return ix
}

func (ix *index) add(p pattern) {
	start := load([]byte(p.text))
	slot := hash(start)
	ix.bits[slot>>6] |= 1 << (slot & 63)
	ix.byStart[start] = append(ix.byStart[start], p)
	for n := 1; n < MinLength; n++ {
		ix.begins[p.text[:n]] = true
	}
}

func (ix *index) empty() bool { return len(ix.byStart) == 0 }

func hash(start uint64) uint64 { return (start * multiply) >> (64 - bloomBits) }

// load is the first MinLength bytes of b as a number.
func load(b []byte) uint64 {
	if len(b) >= 8 {
		return binary.LittleEndian.Uint64(b) & startMask
	}
	var x uint64
	for i := range MinLength {
		x |= uint64(b[i]) << (8 * i)
	}
	return x
}

// scan calls found for the longest pattern at each position. hold is where a
// pattern may have begun that the text does not finish; len(b) if none.
func (ix *index) scan(b []byte, final bool, found func(start, end int, name string)) (hold int) {
	hold = len(b)
	i := 0
	for ; i+8 <= len(b); i++ {
		start := binary.LittleEndian.Uint64(b[i:]) & startMask
		slot := hash(start)
		if ix.bits[slot>>6]&(1<<(slot&63)) != 0 {
			hold = min(hold, ix.compare(b, i, start, final, found))
		}
	}
	for ; i+MinLength <= len(b); i++ {
		hold = min(hold, ix.compare(b, i, load(b[i:]), final, found))
	}
	if final {
		return len(b)
	}
	for ; i < len(b) && i < hold; i++ {
		if ix.begins[string(b[i:])] {
			hold = i
		}
	}
	return hold
}

func (ix *index) compare(b []byte, i int, start uint64, final bool, found func(int, int, string)) (hold int) {
	rest := b[i:]
	hold = len(b)
	for _, p := range ix.byStart[start] { // longest first
		if len(p.text) > len(rest) {
			if !final && p.text[:len(rest)] == string(rest) {
				hold = i
			}
			continue
		}
		if string(rest[:len(p.text)]) == p.text {
			found(i, i+len(p.text), p.name)
			break
		}
	}
	return hold
}

// chunk is how much of a text is looked at at once; it fits a core's cache.
const chunk = 32 << 10

// all returns where secrets are in b, merged and in order.
func (ix *index) all(b []byte) []span {
	var out []span
	size := chunk
	for at := 0; at < len(b); {
		end := min(at+size, len(b))
		spans, decided := ix.find(b[at:end], end == len(b))
		if decided == 0 {
			size *= 2 // a long value may begin here
			continue
		}
		for _, s := range spans {
			if s.end <= decided {
				out = append(out, span{s.start + at, s.end + at, s.name})
			}
		}
		at += decided
		size = chunk
	}
	return out
}

// find returns where secrets are in b, merged and in order, and up to where b
// is decided: what comes after may belong to a secret that b does not finish.
func (ix *index) find(b []byte, final bool) (spans []span, decided int) {
	decided = len(b)
	found := func(start, end int, name string) { spans = append(spans, span{start, end, name}) }
	decided = min(decided, ix.scan(b, final, found))
	text := b
	var path []*view // from b to text
	for range depth {
		v := undo(text, final)
		if v == nil {
			break
		}
		defer v.release()
		path = append(path, v)
		hold := ix.scan(v.text, final, func(start, end int, name string) {
			for k := len(path) - 1; k >= 0; k-- {
				start, end = path[k].source(start, end)
			}
			found(start, end, name)
		})
		if !final {
			decided = min(decided, sourceOf(path, hold, v))
		}
		text = v.text
	}
	spans = merge(spans)
	if !final {
		decided = settle(spans, path, decided)
	}
	return spans, decided
}

// depth is how many layers of escapes are undone.
const depth = 3

// sourceOf is the offset in the first text of an offset in the last view; an
// unfinished escape counts as undecided.
func sourceOf(path []*view, at int, last *view) int {
	at = min(at, len(last.text))
	for k := len(path) - 1; k >= 0; k-- {
		at = min(path[k].sourceStart(at), path[k].open)
	}
	return at
}

// settle moves the border of what is decided so that it cuts neither a span
// nor an escape.
func settle(spans []span, path []*view, decided int) int {
	for {
		before := decided
		for k := len(spans) - 1; k >= 0; k-- {
			if spans[k].start < decided && decided < spans[k].end {
				decided = spans[k].start
			}
		}
		decided = boundary(path, decided)
		if decided == before {
			return decided
		}
	}
}

// boundary is the last offset, not after at, that cuts no escape in any view.
func boundary(path []*view, at int) int {
	if len(path) == 0 {
		return at
	}
	v := path[0]
	if at > v.open {
		at = v.open
	}
	in := boundary(path[1:], v.target(at))
	return min(at, v.sourceStart(in))
}

// merge joins overlapping spans; the one that begins first, and of those the
// longest, gives the name.
func merge(spans []span) []span {
	if len(spans) < 2 {
		return spans
	}
	sort.SliceStable(spans, func(i, j int) bool {
		if spans[i].start != spans[j].start {
			return spans[i].start < spans[j].start
		}
		return spans[i].end > spans[j].end
	})
	out := spans[:1]
	for _, s := range spans[1:] {
		last := &out[len(out)-1]
		if s.start < last.end {
			last.end = max(last.end, s.end)
			continue
		}
		out = append(out, s)
	}
	return out
}
