package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"hushpipe/format"
	"hushpipe/format/serverconf"
)

// checkPatience is how long a server or a logger may take to test itself.
const checkPatience = 10 * time.Second

func checkCommand() *cobra.Command {
	var apache, nginx bool
	cmd := &cobra.Command{
		Use:   "check {--apache|--nginx} [COMMAND [ARGUMENT...]]",
		Short: "Test a web server's configuration, and name what writes addresses",
		Long:  manualText("check", "1"),
		Example: `  hushpipe check --apache && apachectl graceful
  hushpipe check --nginx && nginx -s reload
  hushpipe check --apache apache2ctl-blog`,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			c := &serverCheck{out: cmd.OutOrStdout()}
			switch {
			case apache == nginx:
				return usage("give either --apache or --nginx; hint: see '%s --help'", cmd.CommandPath())
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
	out    io.Writer
	logs   []serverconf.Log
	passed int // directives that write past hushpipe
	wrong  int // hushpipe lines that do not work
	good   int
	like   string // the command of a good hushpipe line, up to its DIR
	dir    string // and that

	verdicts map[int]verdict // of httpd's lines that run hushpipe, by the index in logs
}

// serverOutput is what a server says of its configuration.
type serverOutput struct{ stdout, stderr string }

// serverCommand finds a program that is not in the PATH of ordinary users, too.
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
	return nil, fmt.Errorf("neither %s is installed; hint: name the server's command behind the flag", strings.Join(names, " nor "))
}

// ask runs a command with further arguments and an input.
func ask(command []string, input string, args ...string) (serverOutput, error) {
	ctx, cancel := context.WithTimeout(context.Background(), checkPatience)
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
		return out, fmt.Errorf("%s: no answer within %s; hint: it waits for a disk, or for a FIFO that nobody reads", argv[0], checkPatience)
	case !errors.As(err, &exit):
		return out, fmt.Errorf("run %s: %w", argv[0], bareExec(err))
	}
	return out, fmt.Errorf("%s refuses its configuration: %s%s", filepath.Base(argv[0]), oneLine(out.stderr), rootHint())
}

// bareExec strips the name that package os/exec puts into an error.
func bareExec(err error) error {
	var notFound *exec.Error
	if errors.As(err, &notFound) {
		return notFound.Err
	}
	return bare(err)
}

// rootHint is a hint for those who are not.
func rootHint() string {
	if os.Geteuid() == 0 {
		return ""
	}
	return "; hint: run this as root, as the server starts"
}

// oneLine is the end of what a program said.
func oneLine(text string) string {
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(strings.TrimPrefix(line, "hushpipe: error: "), "hushpipe: ")
	}
	return strings.Join(lines[max(0, len(lines)-3):], "; ")
}

// apache tests the configuration of httpd.
func (c *serverCheck) apache(given []string) error {
	command, err := serverCommand(given, "apache2ctl", "httpd", "apachectl")
	if err != nil {
		return err
	}
	dump, decided, refused := apacheDump(command)
	if dump == "" {
		return refused
	}
	if !decided {
		fmt.Fprintln(c.out, "which sections are active, such as <IfModule>, is not known: all are taken for it")
	}
	c.logs = serverconf.Apache(dump)
	c.verdicts = map[int]verdict{}
	for i, log := range c.logs {
		line, ok := hushpipeLine(log.Target)
		if !ok || log.Kind == serverconf.Other {
			continue
		}
		v := tryApache(log, line)
		c.verdicts[i] = v
		if v.good() && log.Kind == serverconf.Access && c.like == "" {
			c.like, c.dir = line.like()
		}
	}
	if c.like == "" {
		c.like, c.dir = ownPath()+" filter", "/var/log/hushpipe"
	}
	for i, log := range c.logs {
		switch v, ok := c.verdicts[i]; {
		case ok:
			c.hushpipe(log, v, "good")
		case log.Target == os.DevNull || log.Kind == serverconf.Access && !holdsClient(log.Format):
		case log.Kind == serverconf.Other:
			c.passes(log, log.Holds, "delete it, or see to it that its file does not outlive your promise")
		default:
			c.passes(log, writesTo(log.Target), "put in its place: "+c.apacheLine(log))
			if other := c.instead(log); other != nil {
				c.linef("or delete it: %s:%d takes its lines, if all %s of this <VirtualHost> go", other.File, other.Line, log.Directive)
			}
		}
	}
	return errors.Join(refused, c.conclude())
}

// instead is a good hushpipe line that httpd uses for a virtual host without one of its
// own (merge_config_log_state in mod_log_config.c).
func (c *serverCheck) instead(log serverconf.Log) *serverconf.Log {
	if log.Host == (serverconf.Place{}) || strings.EqualFold(log.Directive, "GlobalLog") {
		return nil
	}
	for i, other := range c.logs {
		v, ok := c.verdicts[i]
		if ok && v.good() && other.Kind == log.Kind && other.Host == (serverconf.Place{}) {
			return &c.logs[i]
		}
	}
	return nil
}

// infoModules are where distributions have the module that prints a configuration.
var infoModules = []string{"", "modules/mod_info.so", "/usr/lib/apache2/modules/mod_info.so", "/usr/lib/apache2/mod_info.so",
	"/usr/lib64/apache2/mod_info.so", "libexec/apache24/mod_info.so"}

// apacheDump returns the configuration as serverconf.Apache takes it, and whether only
// its active sections are in it. An error beside it is why httpd would not start.
func apacheDump(command []string) (dump string, decided bool, err error) {
	test := []string{"-t", "-D", "DUMP_CONFIG", "-D", "DUMP_RUN_CFG"}
	for _, module := range infoModules {
		args := test
		if module != "" {
			args = append([]string{"-C", "LoadModule info_module " + module}, test...)
		}
		out, err := ask(command, "", args...)
		if strings.Contains(out.stdout, "# In file: ") {
			return out.stdout, true, err
		}
	}
	out, err := ask(command, "", "-t", "-D", "DUMP_INCLUDES", "-D", "DUMP_RUN_CFG")
	if !strings.Contains(out.stdout, "(*)") {
		if err == nil {
			err = fmt.Errorf("%s does not list its files; hint: name the command that starts httpd behind --apache", command[0])
		}
		return "", false, err
	}
	dump, unread := serverconf.FromFiles(out.stdout, func(name string) (string, error) {
		text, err := os.ReadFile(name)
		return string(text), err
	})
	return dump + out.stdout, false, errors.Join(err, unread)
}

// holdsClient reports whether lines of a LogFormat string name the client. What cannot
// be understood may.
func holdsClient(logFormat string) bool {
	f, err := format.Compile(logFormat, time.UTC)
	if err != nil {
		return strings.Contains(logFormat, "%")
	}
	return format.ToldBy(f).Client
}

func writesTo(target string) string {
	if target, found := strings.CutPrefix(target, "|"); found {
		return "gives addresses to another program: " + target
	}
	return "writes addresses to " + target
}

// apacheLine is a directive that takes the same lines through hushpipe.
func (c *serverCheck) apacheLine(log serverconf.Log) string {
	command := c.like
	if log.Kind == serverconf.Error {
		dir, _ := serverconf.Argument(c.dir + "-error")
		return fmt.Sprintf("%s %s", log.Directive, serverconf.Quote("|"+command+" --format error "+dir))
	}
	dir, _ := serverconf.Argument(c.dir)
	if !format.IsUsual(log.Format) {
		arg, ok := serverconf.Argument(log.Format)
		if _, err := format.Compile(log.Format, time.UTC); err != nil || !ok {
			return "none: hushpipe cannot read this format, use combined"
		}
		command += " --format " + arg
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s", log.Directive, serverconf.Quote("|"+command+" "+dir), log.Nickname, log.Rest))
}

// ownPath is where this program lies.
func ownPath() string {
	if path, err := os.Executable(); err == nil {
		return path
	}
	return "/usr/bin/hushpipe"
}

// hushpipeArgs is the command of a piped log that runs hushpipe.
type hushpipeArgs struct {
	argv  []string
	at    int    // of hushpipe in argv
	shell string // the whole of it, where a shell runs it
}

// hushpipeLine tells whether the target of a log is hushpipe. httpd knows "|" and "||",
// which are the same, and "|$" for a shell (open_error_log in server/log.c,
// ap_open_piped_log_ex and config_log_open in mod_log_config.c).
func hushpipeLine(target string) (line hushpipeArgs, ok bool) {
	command, piped := strings.CutPrefix(target, "|")
	if !piped {
		return line, false
	}
	if shell, ok := strings.CutPrefix(command, "$"); ok {
		line.shell, command = shell, shell
	}
	line.argv = serverconf.Split(strings.TrimPrefix(command, "|"))
	line.at = slices.IndexFunc(line.argv, func(arg string) bool { return filepath.Base(arg) == "hushpipe" })
	return line, line.at >= 0
}

// like returns the command without the flags of a format, up to DIR, for another line.
func (l hushpipeArgs) like() (command, dir string) {
	var kept []string
	cmd := filterCommand(os.Stdin, os.Stdout, nil)
	flags := cmd.Flags()
	if len(l.argv) < l.at+2 || l.argv[l.at+1] != "filter" || flags.Parse(l.argv[l.at+2:]) != nil || flags.NArg() != 1 {
		return "", ""
	}
	kept = append(kept, l.argv[:l.at+2]...)
	if user := flags.Lookup("user"); user.Changed {
		kept = append(kept, "--user", user.Value.String())
	}
	for i, arg := range kept {
		kept[i], _ = serverconf.Argument(arg)
	}
	return strings.Join(kept, " "), flags.Arg(0)
}

var shellFilter = regexp.MustCompile(`\bhushpipe["']?\s+filter\b`)

// parsed reads the flags as this program knows them.
func (l hushpipeArgs) parsed() *pflag.FlagSet {
	cmd := filterCommand(os.Stdin, os.Stdout, nil)
	cmd.Flags().Parse(l.argv[min(l.at+2, len(l.argv)):]) // what is wrong, test says
	return cmd.Flags()
}

var errUnread = errors.New("it cannot read lines of this format: each would be taken for malformed; hint: give this format with --format, or log as combined")

// test runs the command as it stands, but with --check: its own program, with its
// flags and its DIR. A sample is a line that must fit.
func (l hushpipeArgs) test(sample string) (warnings string, err error) {
	argv := slices.Clone(l.argv)
	check := []string{"--check"}
	if sample != "" {
		check = append(check, "--sample")
	}
	switch flags := l.parsed(); {
	case flags.Changed("check"):
		return "", errors.New("with --check it ends at once, and httpd starts it again and again; hint: leave --check out")
	case flags.Changed("stdout"):
		return "", errors.New("with --stdout lines go nowhere: nobody reads the output of a logger; hint: leave --stdout out")
	case l.shell != "":
		at := shellFilter.FindStringIndex(l.shell)
		if at == nil {
			return "", errors.New("hushpipe filter does not stand in it; hint: write |/usr/bin/hushpipe filter DIR")
		}
		argv = []string{"/bin/sh", "-c", l.shell[:at[1]] + " " + strings.Join(check, " ") + l.shell[at[1]:]}
	case !filepath.IsAbs(argv[0]):
		return "", fmt.Errorf("httpd looks for %s in no PATH; hint: give the whole path, as %s", argv[0], ownPath())
	case len(argv) < l.at+2 || argv[l.at+1] != "filter":
		return "", errors.New("filter does not follow hushpipe; hint: write |/usr/bin/hushpipe filter DIR")
	default:
		argv = slices.Insert(argv, l.at+2, check...)
	}
	out, err := ask(argv, sample)
	var exit *exec.ExitError
	switch {
	case err == nil && strings.Contains(out.stdout, "\nline 1 fits no format"):
		return "", errUnread
	case err == nil:
		return oneLine(strings.ReplaceAll(out.stderr, "hushpipe: warning: ", "hushpipe: ")), nil
	case errors.As(err, &exit) || out.stderr != "":
		return "", errors.New(oneLine(out.stderr))
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%s: no such program", argv[0])
	}
	return "", err
}

// verdict is what a test of a hushpipe line has shown.
type verdict struct {
	err      error
	keeps    bool // addresses, by --ip keep
	warnings string
}

func (v verdict) good() bool { return v.err == nil && !v.keeps }

// tryApache tests a line of httpd's configuration that runs hushpipe.
func tryApache(log serverconf.Log, line hushpipeArgs) verdict {
	sample := ""
	if line, ok := serverconf.Sample(log.Format); ok && log.Kind == serverconf.Access {
		sample = line
	}
	v := try(line, sample)
	if v.err == nil && log.Kind == serverconf.Access && !strings.Contains(log.Format, "%") {
		v.err = fmt.Errorf("no LogFormat has the name %s, so that each line would be this word; hint: use combined", log.Format)
	}
	return v
}

// try tests a command of hushpipe. A sample is a line that must fit.
func try(line hushpipeArgs, sample string) verdict {
	warnings, err := line.test(sample)
	keeps := err == nil && line.parsed().Lookup("ip").Value.String() == "keep"
	return verdict{err, keeps, warnings}
}

// hushpipe says what a test of a line that runs it has shown.
func (c *serverCheck) hushpipe(log serverconf.Log, v verdict, good string) {
	if v.keeps {
		c.passes(log, "keeps addresses as they are, by --ip keep", "leave out --ip keep")
		return
	}
	c.head(log)
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
}

// passes names a directive that writes addresses past hushpipe.
func (c *serverCheck) passes(log serverconf.Log, what, instead string) {
	c.passed++
	c.head(log)
	c.linef("%s", what)
	c.linef("%s", instead)
}

func (c *serverCheck) head(log serverconf.Log) {
	where, text := log.File, log.Text
	if log.Line > 0 {
		where = fmt.Sprintf("%s:%d", log.File, log.Line)
	}
	if text == "" {
		text = "no " + log.Directive
	}
	fmt.Fprintf(c.out, "%s: %s\n", strings.Map(printable, where), strings.Map(printable, text))
}

// linef writes what there is to say of the directive named last.
func (c *serverCheck) linef(text string, args ...any) {
	fmt.Fprintf(c.out, "    %s\n", strings.Map(printable, fmt.Sprintf(text, args...)))
}

// conclude says what was found in all.
func (c *serverCheck) conclude() error {
	if c.good+c.wrong == 0 {
		fmt.Fprintln(c.out, "no directive runs hushpipe")
	}
	var errs []error
	if c.wrong > 0 {
		errs = append(errs, fmt.Errorf("%s of hushpipe would not work%s", several(uint64(c.wrong), "line"), rootHint()))
	}
	if c.passed > 0 {
		errs = append(errs, fmt.Errorf("addresses are written past hushpipe in %s", several(uint64(c.passed), "place")))
	}
	if len(errs) == 0 {
		fmt.Fprintln(c.out, "nothing writes addresses past hushpipe")
	}
	return errors.Join(errs...)
}

// nginx tests the configuration of nginx.
func (c *serverCheck) nginx(given []string) error {
	command, err := serverCommand(given, "nginx")
	if err != nil {
		return err
	}
	dump, refused := ask(command, "", "-T")
	if !strings.Contains(dump.stdout, "# configuration file ") {
		if refused == nil {
			refused = fmt.Errorf("%s does not list its files; hint: name the command that starts nginx behind --nginx", command[0])
		}
		return refused
	}
	build, err := ask(command, "", "-V")
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
			c.passes(log, log.Holds, "look into it: no line of nginx's configuration says so")
		case log.Directive == "error_log" && log.Target == "off":
			c.passes(log, "writes addresses to a file named off: nginx has no such word for error_log", "put in its place: error_log /dev/null;")
		default:
			c.passes(log, writesTo(log.Target)+nginxHolds(log), nginxLine(log))
		}
	}
	return errors.Join(refused, c.conclude())
}

// nginxHolds names a variable that is no address by its name.
func nginxHolds(log serverconf.Log) string {
	if log.Holds == "" || log.Holds == "$remote_addr" {
		return ""
	}
	return ", by " + log.Holds
}

// fifo tests a log that goes to a FIFO.
func (c *serverCheck) fifo(log serverconf.Log) {
	v := verdict{}
	switch _, err := lookAtInput(log.Target); {
	case err != nil:
		v.err = err
	case slices.ContainsFunc(strings.Fields(log.Rest), isGzip):
		v.err = errors.New("with gzip nginx writes compressed bytes, which hushpipe cannot read: each line is lost; hint: leave gzip out")
	case strings.Contains(log.Format, binaryAddress):
		v.err = errors.New("$" + binaryAddress + " is an address in a form that hushpipe does not know, which it would keep; hint: use $remote_addr")
	case !isRead(log.Target):
		v.err = errors.New("no hushpipe reads this FIFO; hint: systemctl enable --now its hushpipe@.service, see hushpipe help servers")
	default:
		v = tryReaders(log)
	}
	if errors.Is(v.err, errUnread) {
		v.err = errors.New("the hushpipe that reads this FIFO cannot read lines of this format: each would be taken for malformed; hint: " + unreadHint(log))
	}
	c.hushpipe(log, v, "good: hushpipe reads this FIFO")
}

const binaryAddress = "binary_remote_addr" // which may stand in braces

// unreadHint says what to do with lines that auto cannot read.
func unreadHint(log serverconf.Log) string {
	if log.Kind == serverconf.Error {
		return "send error_log to an instance of hushpipe@.service with --format error, see hushpipe help servers"
	}
	return "log as combined, or run an instance of hushpipe@.service of its own with --format, see hushpipe help servers"
}

// tryReaders tests the flags of the processes that read the FIFO of a log.
func tryReaders(log serverconf.Log) verdict {
	readers := readersOf(log.Target)
	if len(readers) == 0 {
		return verdict{err: errors.New("with which flags hushpipe reads this FIFO is not seen; hint: run check as root, where hushpipe runs")}
	}
	v := verdict{}
	for _, reader := range readers {
		if v = try(reader, nginxSample(log)); !v.good() {
			return v
		}
	}
	return v
}

// nginxSample is a line as nginx may write it in a log.
func nginxSample(log serverconf.Log) string {
	if log.Kind == serverconf.Error {
		return serverconf.NginxErrorSample
	}
	return serverconf.NginxSample(log.Format)
}

// readersOf returns the commands of the hushpipe processes that have a FIFO for --input.
// isRead tells whether one of them reads it.
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
				if !filepath.IsAbs(argv[0]) { // of a shell
					argv[0] = ownPath()
				}
				readers = append(readers, hushpipeArgs{argv: argv})
				break
			}
		}
	}
	return readers
}

// nginxLine is what to put in the place of a directive: it writes to the FIFO of
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
	return fmt.Sprintf("put in its place, once hushpipe@%s.service runs%s (hushpipe help servers): %s;", instance, flags, strings.Join(words, " "))
}

// isGzip reports whether a parameter of access_log makes nginx compress.
func isGzip(word string) bool { return word == "gzip" || strings.HasPrefix(word, "gzip=") }

// uncompressed are the parameters of access_log without gzip. It brings a buffer with it,
// which nginx demands beside flush= (ngx_http_log_set_log in ngx_http_log_module.c).
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
