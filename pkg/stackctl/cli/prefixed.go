package cli

import (
	"bytes"
	"sync"
)

// prefixed cuts what is written into whole lines and gives each to emit;
// several may share a lock.
type prefixed struct {
	lock    *sync.Mutex
	emit    func(line []byte) error
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
		if err := p.line(); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// finish writes a last line that did not end.
func (p *prefixed) finish() {
	p.lock.Lock()
	defer p.lock.Unlock()
	if len(p.partial) > 0 {
		_ = p.line() // the output is gone, and so is its reader
	}
}

func (p *prefixed) line() error {
	err := p.emit(printable(p.partial))
	p.partial = p.partial[:0]
	return err
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
