//go:build !windows

package host

import "os"

// openTerminal opens the operator's terminal, also where the input is another
// file.
func openTerminal() (in, out *os.File, err error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	return tty, tty, err
}
