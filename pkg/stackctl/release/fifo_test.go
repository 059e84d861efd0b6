//go:build unix

package release_test

import "syscall"

func mkfifo(file string) error { return syscall.Mkfifo(file, 0o600) }
