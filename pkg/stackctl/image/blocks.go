package image

import (
	"bytes"
	"io"
	"runtime"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// blockSize is compressed at once: big enough to lose next to nothing, small
// enough to keep every core busy in little memory.
const blockSize = 1 << 20

// maxCores bounds memory, which is about 4 MB for each.
const maxCores = 8

// level packs programs as small as gzip -6 does, several times as fast.
const level = 7

// blocks compresses a stream on all cores. Each block becomes a gzip member of
// its own, and members in a row are one gzip stream (RFC 1952, section 2.2).
// Close must be called, and ends its goroutines after an error too.
type blocks struct {
	level int
	now   []byte
	queue chan *work
	done  chan struct{}
	free  sync.Pool // of *work

	mu  sync.Mutex
	err error
}

// work is one block on its way.
type work struct {
	in    []byte
	out   bytes.Buffer
	level int
	err   error
	ready chan struct{}
	// z is kept for the next block of the level that it was made for.
	z      *gzip.Writer
	zLevel int
}

func newBlocks(w io.Writer) *blocks {
	b := &blocks{
		level: level,
		queue: make(chan *work, min(runtime.GOMAXPROCS(0), maxCores)),
		done:  make(chan struct{}),
	}
	go b.write(w, b.queue)
	return b
}

// setLevel applies to what is written from now on.
func (b *blocks) setLevel(level int) {
	if level != b.level {
		b.flush()
		b.level = level
	}
}

func (b *blocks) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if err := b.failed(nil); err != nil {
			return n - len(p), err
		}
		k := min(len(p), blockSize-len(b.now))
		b.now = append(b.now, p[:k]...)
		p = p[k:]
		if len(b.now) == blockSize {
			b.flush()
		}
	}
	return n, nil
}

// flush hands the current block to a core; it waits while all are busy.
func (b *blocks) flush() {
	if len(b.now) == 0 {
		return
	}
	j, ok := b.free.Get().(*work)
	if !ok {
		j = &work{}
	}
	j.in, b.now = b.now, j.in[:0]
	j.level, j.ready = b.level, make(chan struct{})
	b.queue <- j
	go j.compress()
}

func (j *work) compress() {
	defer close(j.ready)
	j.out.Reset()
	if j.err = j.writer(); j.err != nil {
		return
	}
	if _, j.err = j.z.Write(j.in); j.err == nil {
		j.err = j.z.Close()
	}
}

// writer makes z ready for a block.
func (j *work) writer() (err error) {
	if j.z != nil && j.zLevel == j.level {
		j.z.Reset(&j.out)
		return nil
	}
	j.zLevel = j.level
	j.z, err = gzip.NewWriterLevel(&j.out, j.level)
	return err
}

// write puts finished blocks out in order until the queue is closed.
func (b *blocks) write(w io.Writer, queue <-chan *work) {
	defer close(b.done)
	for j := range queue {
		<-j.ready
		err := j.err
		if err == nil && b.failed(nil) == nil {
			_, err = w.Write(j.out.Bytes())
		}
		_ = b.failed(err)
		b.free.Put(j)
	}
}

// failed keeps the first error and returns it.
func (b *blocks) failed(err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = err
	}
	return b.err
}

// Close writes what is left and waits for it; calling it again does nothing.
func (b *blocks) Close() error {
	if b.queue != nil {
		b.flush()
		close(b.queue)
		b.queue = nil
	}
	<-b.done
	return b.failed(nil)
}
