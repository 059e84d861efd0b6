package redact

import (
	"errors"
	"io"
	"sync"
)

// ErrClosed is what a Writer says after Close.
var ErrClosed = errors.New("write to a closed redacting writer")

// maxPending bounds what a Writer keeps back; a value whose encodings are
// longer than this is masked by its lines only.
const maxPending = 1 << 20

// Writer passes text on to w without secrets. It keeps back only what may be
// the beginning of one, so a secret is caught wherever writes split it. Close
// passes the rest on; it does not close w. Safe for concurrent use.
func (r *Redactor) Writer(w io.Writer) io.WriteCloser { return &writer{r: r, to: w} }

type writer struct {
	mu      sync.Mutex
	r       *Redactor
	to      io.Writer
	pending []byte
	closed  bool
}

func (w *writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return 0, ErrClosed
	}
	w.pending = append(w.pending, p...)
	if err := w.pass(len(w.pending) > maxPending); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close passes on what was kept back.
func (w *writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	return w.pass(true)
}

// pass writes what is decided; all of it at the end.
func (w *writer) pass(final bool) error {
	decided := len(w.pending)
	var spans []span
	if ix := w.r.index(); ix != nil {
		spans, decided = ix.find(w.pending, final)
	}
	if decided == 0 {
		return nil
	}
	for k, s := range spans {
		if s.end > decided {
			spans = spans[:k]
			break
		}
	}
	_, err := w.to.Write(mask(w.pending[:decided], spans))
	w.pending = append(w.pending[:0], w.pending[decided:]...)
	return err
}
