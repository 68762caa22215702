package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hushpipe/filter/dir"
	"hushpipe/format/prose"
	"hushpipe/format/serverconf"
)

// checkTimeout is how long a server or a logger may take to test its configuration.
const checkTimeout = 10 * time.Second

func checkCommand() *cobra.Command {
	var apache, nginx bool
	cmd := &cobra.Command{
		Use:   "check {--apache|--nginx} [COMMAND [ARGUMENT...]]",
		Short: "Test a web server's configuration, and list what writes addresses",
		Long:  manualText("check", "1"),
		Example: `  hushpipe check --apache && apachectl graceful
  hushpipe check --nginx && nginx -s reload
  hushpipe check --apache apache2ctl-blog`,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			c := &serverCheck{out: cmd.OutOrStdout()}
			switch {
			case apache == nginx:
				return usage("give either --apache or --nginx; hint: write 'hushpipe check --apache', or see '%s --help'", cmd.CommandPath())
			case apache:
				return c.apache(args)
			}
			return c.nginx(args)
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().SetInterspersed(false) // COMMAND has flags of its own
	cmd.Flags().BoolVar(&apache, "apache", false, "test the configuration of Apache's httpd")
	cmd.Flags().BoolVar(&nginx, "nginx", false, "test the configuration of nginx")
	return cmd
}

// serverCheck is one run of check.
type serverCheck struct {
	out      io.Writer
	logs     []serverconf.Log
	bypasses []bypass
	wrong    int // directives that run hushpipe and do not work
	good     int
	command  string // of a directive that works, up to its DIR
	dir      string // of that directive

	awaited  time.Duration     // time spent on waiting for readers of FIFOs
	writers  map[string]writer // by DIR, the first of httpd's directives
	verdicts map[int]verdict   // of httpd's directives that run hushpipe, by index in logs
}

// bypass is a directive that writes addresses past hushpipe.
type bypass struct {
	log           serverconf.Log
	what, instead string
}

// serverOutput is what a server prints about its configuration.
type serverOutput struct{ stdout, stderr string }

// serverCommand returns the given command, or else looks for the program, also in the
// directories that are not in the PATH of ordinary users.
func serverCommand(given []string, names ...string) ([]string, error) {
	if len(given) > 0 {
		return given, nil
	}
	for _, name := range names {
		for _, path := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
			if found, err := exec.LookPath(path); err == nil {
				return []string{found}, nil
			}
		}
	}
	return nil, fmt.Errorf("neither %s is installed; hint: give the server's command after the flag", strings.Join(names, " nor "))
}

// runCommand runs a command with additional arguments and this stdin.
func runCommand(command []string, input string, args ...string) (serverOutput, error) {
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	argv := append(slices.Clone(command), args...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &stdout, &stderr
	err := cmd.Run()
	out := serverOutput{stdout.String(), stderr.String()}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return out, nil
	case ctx.Err() != nil:
		return out, fmt.Errorf("%s: no answer within %s; hint: it waits for a disk, or for a FIFO that nobody reads", argv[0], checkTimeout)
	case !errors.As(err, &exit):
		return out, fmt.Errorf("run %s: %w; hint: give the server's program, or leave it out", argv[0], unwrapExec(err))
	}
	return out, fmt.Errorf("%s refuses its configuration: %s%s", filepath.Base(argv[0]), oneLine(out.stderr), rootHint())
}

// unwrapExec removes the program's name that package os/exec puts into an error.
func unwrapExec(err error) error {
	var notFound *exec.Error
	if errors.As(err, &notFound) {
		return notFound.Err
	}
	return dir.Bare(err)
}

// rootHint is the hint to run check as root, "" for root.
func rootHint() string {
	if os.Geteuid() == 0 {
		return ""
	}
	return "; hint: run this as root, since the server starts as root"
}

// oneLine joins the last three lines of a program's output.
func oneLine(text string) string {
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(strings.TrimPrefix(line, "hushpipe: error: "), "hushpipe: ")
	}
	return strings.Join(lines[max(0, len(lines)-3):], "; ")
}

// printResult prints the result for a directive that runs hushpipe.
func (c *serverCheck) printResult(log serverconf.Log, v verdict, good string) {
	if v.clear != "" {
		c.addBypass(log, "keeps addresses as they are, by --ip "+v.clear, "leave out --ip "+v.clear)
		return
	}
	c.printDirective(log)
	if v.err != nil {
		c.wrong++
		c.linef("wrong: %s", v.err)
		return
	}
	c.good++
	c.linef("%s", good)
	if v.warnings != "" {
		c.linef("note: %s", v.warnings)
	}
	if v.conflict != "" {
		c.linef("note: %s", v.conflict)
	}
}

// addBypass records and prints a directive that writes addresses past hushpipe.
func (c *serverCheck) addBypass(log serverconf.Log, what, instead string) {
	c.bypasses = append(c.bypasses, bypass{log, what, instead})
	c.printDirective(log)
	c.linef("%s", what)
	c.linef("%s", instead)
}

func (c *serverCheck) printDirective(log serverconf.Log) {
	where, text := log.File, log.Text
	if log.Line > 0 {
		where = fmt.Sprintf("%s:%d", log.File, log.Line)
	}
	if text == "" {
		text = "no " + log.Directive
	}
	fmt.Fprintf(c.out, "%s: %s\n", strings.Map(printable, where), strings.Map(printable, text))
}

// linef prints a line about the directive that was printed last.
func (c *serverCheck) linef(text string, args ...any) {
	fmt.Fprintf(c.out, "    %s\n", strings.Map(printable, fmt.Sprintf(text, args...)))
}

// summarize prints the overall result, and returns an error if anything is wrong.
func (c *serverCheck) summarize() error {
	if c.good+c.wrong == 0 {
		fmt.Fprintln(c.out, "no directive runs hushpipe")
	}
	var errs []error
	if c.wrong > 0 {
		errs = append(errs, fmt.Errorf("%s of hushpipe would fail%s", prose.Plural(c.wrong, "line"), rootHint()))
	}
	if n := len(c.bypasses); n > 0 {
		errs = append(errs, fmt.Errorf("addresses are written past hushpipe in %s", prose.Plural(n, "place")))
	}
	if len(errs) == 0 {
		fmt.Fprintln(c.out, "nothing writes addresses past hushpipe")
	}
	return errors.Join(errs...)
}
