//go:build !linux

package main

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// What the tests need from Linux. Elsewhere they fail or are skipped.

var confinedCommands map[string]func()

func ownGroup(attr *syscall.SysProcAttr) *syscall.SysProcAttr {
	if attr == nil {
		attr = &syscall.SysProcAttr{}
	}
	attr.Setpgid = true
	return attr
}

func mountTmp(string, string) error      { return errors.ErrUnsupported }
func bindMount(string, string) error     { return errors.ErrUnsupported }
func unmount(string) error               { return errors.ErrUnsupported }
func remount(string, string) error       { return errors.ErrUnsupported }
func remountReadOnly(string, bool) error { return errors.ErrUnsupported }
func unread(*os.File) (int, error)       { return 0, errors.ErrUnsupported }

func blockingPipe(t *testing.T) (in, out *os.File) {
	t.Skip("the pipes of the tests are those of Linux")
	return nil, nil
}

func openTerminal(t *testing.T) (master, terminal *os.File) {
	t.Skip("the terminals of the tests are those of Linux")
	return nil, nil
}

func modes(t *testing.T, _ *os.File) *unix.Termios {
	t.Skip("the terminals of the tests are those of Linux")
	return nil
}
