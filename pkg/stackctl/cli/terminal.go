package cli

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/charmbracelet/x/term"
)

// terminalOf returns the terminal that a reader is, if it is one.
func terminalOf(in io.Reader) (*os.File, bool) {
	file, ok := in.(*os.File)
	return file, ok && term.IsTerminal(file.Fd())
}

// sizeEvery is how often a terminal is asked for its size. Not every platform
// has a signal for it.
const sizeEvery = 250 * time.Millisecond

// watchSize sends a terminal's columns and rows, first and when they change.
func watchSize(ctx context.Context, file *os.File) <-chan [2]uint {
	sizes := make(chan [2]uint, 1)
	go func() {
		defer close(sizes)
		tick := time.NewTicker(sizeEvery)
		defer tick.Stop()
		var last [2]uint
		for {
			if w, h, err := term.GetSize(file.Fd()); err == nil && w > 0 && h > 0 {
				if size := [2]uint{uint(w), uint(h)}; size != last {
					last = size
					select {
					case sizes <- size:
					case <-ctx.Done():
						return
					}
				}
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return sizes
}
