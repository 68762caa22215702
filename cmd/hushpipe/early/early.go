// Package early takes the signals that httpd sends to a logger, before the rest of the
// program is initialised.
//
// At a graceful restart httpd sends SIGTERM to the loggers of the old generation
// (piped_log_maintenance in server/log.c), even to those that have just started. Without
// a handler it ends the process, and the lines in its pipe are lost: nobody reads them
// any more. On a busy machine some hundred milliseconds go by between os/signal and
// main. Go initialises the package whose path comes first among those that have all they
// import, and this one imports nothing that comes after os/signal.
package early

import (
	"os"
	"os/signal"
	"syscall"
)

var taken chan os.Signal

func init() {
	if len(os.Args) > 1 && os.Args[1] == "filter" {
		Signals()
	}
}

// Signals returns the channel that SIGTERM, SIGHUP and SIGINT go to. They no longer end
// the process.
func Signals() <-chan os.Signal {
	if taken == nil {
		taken = make(chan os.Signal, 4)
		signal.Notify(taken, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
	}
	return taken
}

// Release restores what the signals do by default, also for one that has arrived.
func Release() {
	if taken == nil {
		return
	}
	signal.Stop(taken)
	select {
	case s := <-taken:
		syscall.Kill(os.Getpid(), s.(syscall.Signal))
	default:
	}
	taken = nil
}
