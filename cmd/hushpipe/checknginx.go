package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"hushpipe/format/serverconf"
)

// nginx tests the configuration of nginx.
func (c *serverCheck) nginx(given []string) error {
	command, err := serverCommand(given, "nginx")
	if err != nil {
		return err
	}
	dump, refused := runCommand(command, "", "-T")
	if !strings.Contains(dump.stdout, "# configuration file ") {
		if refused == nil {
			refused = fmt.Errorf("%s does not list its files; hint: give the command that starts nginx after --nginx", command[0])
		}
		return refused
	}
	build, err := runCommand(command, "", "-V")
	if err != nil {
		return err
	}
	c.logs = serverconf.Nginx(dump.stdout, build.stdout+build.stderr)
	for _, log := range c.logs {
		switch {
		case log.Target == os.DevNull || log.Kind == serverconf.Access && log.Holds == "":
		case isFIFO(log.Target):
			c.fifo(log)
		case log.Kind == serverconf.Other:
			c.addBypass(log, log.Holds, "look into it: no line of nginx's configuration says so")
		case log.Directive == "error_log" && log.Target == "off":
			c.addBypass(log, "writes addresses to a file named off: nginx has no such word for error_log", "replace with: error_log /dev/null;")
		default:
			c.addBypass(log, writesTo(log.Target)+nginxHolds(log), nginxLine(log))
		}
	}
	return errors.Join(refused, c.summarize())
}

// nginxHolds names the variables that hold an address, unless their names show it.
func nginxHolds(log serverconf.Log) string {
	if log.Holds == "" || log.Holds == "$remote_addr" {
		return ""
	}
	return ", by " + log.Holds
}

// fifo tests a log that goes to a FIFO.
func (c *serverCheck) fifo(log serverconf.Log) {
	v := verdict{}
	switch _, err := inspectInput(log.Target); {
	case err != nil:
		v.err = err
	case slices.ContainsFunc(strings.Fields(log.Rest), isGzip):
		v.err = errors.New("with gzip nginx writes compressed bytes, which hushpipe cannot read: each line is lost; hint: leave gzip out")
	case strings.Contains(log.Format, binaryAddress):
		v.err = errors.New("$" + binaryAddress + " is an address in a form that hushpipe does not recognise and would keep; hint: use $remote_addr")
	case !c.awaitReader(log.Target):
		v.err = errors.New("no hushpipe reads this FIFO; hint: systemctl enable --now its hushpipe@.service, see hushpipe help servers")
	default:
		v = testReaders(log)
	}
	if errors.Is(v.err, errUnread) {
		v.err = errors.New("the hushpipe that reads this FIFO cannot read lines of this format: each would count as malformed; hint: " + unreadHint(log))
	}
	c.printResult(log, v, "good: hushpipe reads this FIFO")
}

// startTimeout bounds how long check waits for hushpipe to read the FIFOs, all of them
// together: systemctl start returns before hushpipe@.service has opened its FIFO.
const startTimeout = 3 * time.Second

// awaitReader waits until a hushpipe reads the FIFO at path, and reports whether one
// does.
func (c *serverCheck) awaitReader(path string) bool {
	for ; !isRead(path); c.awaited += 20 * time.Millisecond {
		if c.awaited >= startTimeout {
			return false
		}
		time.Sleep(20 * time.Millisecond)
	}
	return true
}

const binaryAddress = "binary_remote_addr" // also written ${binary_remote_addr}

// unreadHint is the hint for lines that --format auto cannot read.
func unreadHint(log serverconf.Log) string {
	if log.Kind == serverconf.Error {
		return "send error_log to an instance of hushpipe@.service with --format error, see hushpipe help servers"
	}
	return "log as combined, or run an instance of hushpipe@.service of its own with --format, see hushpipe help servers"
}

// testReaders tests the flags of the processes that read the FIFO of a log.
func testReaders(log serverconf.Log) verdict {
	readers := readersOf(log.Target)
	if len(readers) == 0 {
		return verdict{err: errors.New("cannot see with which flags hushpipe reads this FIFO; hint: run check as root, where hushpipe runs")}
	}
	v := verdict{}
	for _, reader := range readers {
		if v = testCommand(reader, nginxSample(log)); !v.good() {
			return v
		}
	}
	return v
}

// nginxSample is a line as nginx may write it to a log.
func nginxSample(log serverconf.Log) string {
	if log.Kind == serverconf.Error {
		return serverconf.NginxErrorSample
	}
	return serverconf.NginxSample(log.Format)
}

// readersOf returns the commands of the hushpipe processes whose --input is the FIFO at
// path. Whether one of them has opened it, isRead reports.
func readersOf(path string) (readers []hushpipeArgs) {
	at, err := os.Stat(path)
	if err != nil {
		return nil
	}
	lists, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, list := range lists {
		text, err := os.ReadFile(list)
		argv := strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")
		if err != nil || len(argv) < 2 || filepath.Base(argv[0]) != "hushpipe" || argv[1] != "filter" || slices.Contains(argv, "--check") {
			continue
		}
		for i, arg := range argv {
			input, ok := strings.CutPrefix(arg, "--input=")
			if arg == "--input" && i+1 < len(argv) {
				input, ok = argv[i+1], true
			}
			if st, err := os.Stat(input); ok && err == nil && os.SameFile(st, at) {
				if !filepath.IsAbs(argv[0]) { // a shell found it in PATH
					argv[0] = ownPath()
				}
				readers = append(readers, hushpipeArgs{argv: argv})
				break
			}
		}
	}
	return readers
}

// nginxLine returns the directive to use instead of log's. It writes to the FIFO of
// hushpipe@.socket.
func nginxLine(log serverconf.Log) string {
	instance, directive, flags := "nginx", "access_log", ""
	switch {
	case log.Kind == serverconf.Error:
		instance, directive, flags = "nginx-error", "error_log", " with --format error"
	case strings.Contains(log.Format, binaryAddress):
		return "first use $remote_addr in its log_format: hushpipe does not know the form of $" + binaryAddress
	default:
		auto := hushpipeArgs{argv: []string{ownPath(), "filter"}}
		if _, err := auto.test(nginxSample(log)); errors.Is(err, errUnread) {
			instance, flags = "nginx-"+log.Nickname, " with the --format of these lines"
		}
	}
	words := []string{directive, "/run/hushpipe/" + instance + "/access.log", log.Nickname}
	words = append(words, uncompressed(log.Rest)...)
	words = slices.DeleteFunc(words, func(word string) bool { return word == "" })
	return fmt.Sprintf("once hushpipe@%s.service runs%s (hushpipe help servers), replace with: %s;", instance, flags, strings.Join(words, " "))
}

// isGzip reports whether a parameter makes access_log compress.
func isGzip(word string) bool { return word == "gzip" || strings.HasPrefix(word, "gzip=") }

// uncompressed returns the parameters of access_log without gzip. gzip implies a
// buffer, which nginx requires for flush= (ngx_http_log_set_log in
// ngx_http_log_module.c).
func uncompressed(rest string) []string {
	words := strings.Fields(rest)
	if !slices.ContainsFunc(words, isGzip) {
		return words
	}
	has := func(name string) func(string) bool {
		return func(word string) bool { return strings.HasPrefix(word, name) }
	}
	words = slices.DeleteFunc(words, isGzip)
	if !slices.ContainsFunc(words, has("buffer=")) {
		words = slices.DeleteFunc(words, has("flush="))
	}
	return words
}

func isFIFO(path string) bool {
	var st unix.Stat_t
	return unix.Stat(path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFIFO
}
