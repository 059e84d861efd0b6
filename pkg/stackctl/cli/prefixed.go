package cli

import (
	"bytes"
	"io"
	"sync"
)

// prefixed writes whole lines after a prefix; several may share one output.
type prefixed struct {
	out     io.Writer
	lock    *sync.Mutex
	prefix  string
	partial []byte
}

// maxLine bounds what is kept of a line that does not end.
const maxLine = 64 << 10

func (p *prefixed) Write(b []byte) (int, error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	n := len(b)
	for len(b) > 0 {
		line, rest, whole := bytes.Cut(b, []byte("\n"))
		p.partial = append(p.partial, line...)
		b = rest
		if !whole && len(p.partial) < maxLine {
			break
		}
		if _, err := p.out.Write(append(append([]byte(p.prefix), printable(p.partial)...), '\n')); err != nil {
			return 0, err
		}
		p.partial = p.partial[:0]
	}
	return n, nil
}

// printable keeps a log line from steering the terminal.
func printable(line []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return -1
		}
		return r
	}, line)
}
