package program

import (
	"os/exec"
	"strconv"
	"syscall"
)

// alone keeps Ctrl-C of the console from a program: it is ended by stop.
func alone(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// stop ends a program and what it started; Windows has no way to ask for it.
func stop(cmd *exec.Cmd) error {
	return exec.Command("taskkill", "/T", "/F", "/PID", strconv.Itoa(cmd.Process.Pid)).Run()
}

// kill has nothing to do: stop ended all of it.
func kill(*exec.Cmd) {}
