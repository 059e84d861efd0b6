package apptest

import (
	"flag"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"stackctl/pkg/server/role"
	"stackctl/pkg/server/testdb"
)

// roleVariable makes the test binary be a role instead of running tests.
const roleVariable = "APPTEST_ROLE"

// Main is what TestMain of a package calls whose tests start processes.
func Main(m *testing.M) int {
	if name := os.Getenv(roleVariable); name != "" {
		return role.Main([]string{name}, os.LookupEnv, os.Stdin, os.Stdout, os.Stderr)
	}
	flag.Parse()
	return testdb.Run(m)
}

// Process is one role in a process of its own, which can be killed.
type Process struct{ cmd *exec.Cmd }

// Process starts a role in a process of its own and waits until it is healthy.
// It ends with the test.
func (s *Site) Process(name string) *Process {
	s.t.Helper()
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	listen, inside := s.free(), s.free()
	s.URLs[name], s.Inside[name] = "http://"+listen, "http://"+inside
	cmd := exec.Command(self)
	for key, value := range s.Env {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	cmd.Env = append(cmd.Env, roleVariable+"="+name, "LISTEN="+listen, "METRICS_LISTEN="+inside)
	cmd.Stderr, cmd.SysProcAttr = s.Log, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	p := &Process{cmd: cmd}
	s.t.Cleanup(p.Kill)
	s.Wait(strings.Join([]string{"process", name, "to be healthy"}, " "), func() bool { return s.healthy(name) })
	return p
}

// Kill ends the process as the kernel does when memory runs out.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	_ = p.cmd.Wait()
}
