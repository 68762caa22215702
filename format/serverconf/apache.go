package serverconf

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// modules describes directives of httpd's modules that record what clients send, by their
// lower-case names.
var modules = map[string]string{
	"forensiclog":           "writes whole requests, with X-Forwarded-For and cookies",
	"secauditlog":           "writes requests with addresses",
	"secauditlog2":          "writes requests with addresses",
	"secauditlogstoragedir": "takes files of requests with addresses",
	"secdebuglog":           "writes what rules see, addresses among it",
	"secdatadir":            "keeps collections, by address where rules say initcol:ip",
	"rewritelog":            "writes addresses beside what is rewritten",
	"scriptlog":             "writes what CGI programs get, X-Forwarded-For among it",
	"cookielog":             "writes cookies",
	"doslogdir":             "takes files that are named by addresses",
	"jklogfile":             "writes addresses in messages",
}

// defaultFormat is the format of TransferLog (DEFAULT_LOG_FORMAT in mod_log_config.c).
const defaultFormat = `%h %l %u %t "%r" %>s %b`

// host holds the log settings of a <VirtualHost>, or of the main server.
type host struct {
	Place
	formats       map[string]string
	defaultFormat string // for TransferLog: a format or its nickname
	logs          []int
	errorLog      int // index of the last ErrorLog, -1 for none
}

var (
	inFile  = regexp.MustCompile(`^\s*# In file: (.*)$`)
	onLine  = regexp.MustCompile(`^\s*#\s+(\d+):$`)
	inMacro = regexp.MustCompile(`^macro '.*' \(defined on line (\d+) of "([^"]*)"\) used on line \d+ of "[^"]*"$`)
	mainLog = regexp.MustCompile(`^Main ErrorLog: "(.*)"$`)
)

// Apache returns the logs of a configuration as printed by httpd -t -D DUMP_CONFIG (mod_info.c,
// put_int_flush_right and the functions around it): files and lines are in comments, sections
// such as <IfModule> are decided, and variables and macros resolved. With -D DUMP_RUN_CFG it
// also has the default ErrorLog. Apache reads the result of FromFiles too.
func Apache(dump string) []Log {
	var logs []Log
	server := &host{formats: map[string]string{"CLF": defaultFormat}, errorLog: -1}
	hosts := []*host{server}
	at := server
	var place Place
	first, offset, mainError := "", 0, ""
	auditing, auditOff := false, false
	for line := range strings.Lines(dump) {
		line = strings.TrimSuffix(line, "\n")
		if m := inFile.FindStringSubmatch(line); m != nil {
			place.File, offset = m[1], 0
			if macro := inMacro.FindStringSubmatch(m[1]); macro != nil {
				place.File = macro[2]
				offset, _ = strconv.Atoi(macro[1])
			}
			if first == "" {
				first = place.File
			}
			continue
		}
		if m := onLine.FindStringSubmatch(line); m != nil {
			place.Line, _ = strconv.Atoi(m[1])
			place.Line += offset
			continue
		}
		if m := mainLog.FindStringSubmatch(line); m != nil {
			mainError = m[1]
			continue
		}
		text := strings.TrimSpace(line)
		args := text
		name := word(&args)
		switch directive := strings.ToLower(name); directive {
		case "<virtualhost":
			at = &host{Place: place, formats: map[string]string{}, errorLog: -1}
			hosts = append(hosts, at)
		case "</virtualhost>":
			at = server
		case "logformat":
			format, nickname := word(&args), word(&args)
			if nickname == "" {
				at.defaultFormat = format
			} else {
				at.formats[nickname] = format
			}
		case "customlog", "globallog", "transferlog":
			log := Log{Place: place, Kind: Access, Directive: name, Text: text, Host: at.Place, Target: word(&args)}
			if directive != "transferlog" {
				rest := args
				log.Format = word(&args)
				log.Nickname = strings.TrimSpace(rest[:len(rest)-len(args)])
				log.Rest = args
			}
			at.logs = append(at.logs, len(logs))
			logs = append(logs, log)
		case "errorlog":
			log := Log{Place: place, Kind: Error, Directive: name, Text: text, Host: at.Place, Target: word(&args)}
			if facility := word(&args); facility != "" && log.Target == "syslog" {
				log.Target += ":" + facility
			}
			if at.errorLog >= 0 { // the last one wins
				logs[at.errorLog] = log
				continue
			}
			at.errorLog = len(logs)
			logs = append(logs, log)
		case "secauditengine":
			off := strings.EqualFold(word(&args), "off")
			auditing, auditOff = auditing || !off, auditOff || off
		default:
			if holds, ok := modules[directive]; ok {
				logs = append(logs, Log{Place: place, Kind: Other, Directive: name, Text: text, Host: at.Place, Target: word(&args), Holds: holds})
			}
		}
	}
	for _, h := range hosts {
		h.resolve(server, logs)
	}
	if auditOff && !auditing {
		logs = slices.DeleteFunc(logs, func(l Log) bool { return strings.HasPrefix(strings.ToLower(l.Directive), "secaudit") })
	}
	if server.errorLog < 0 && mainError != "" {
		logs = append(logs, Log{Place: Place{File: first}, Kind: Error, Directive: "ErrorLog", Target: mainError})
	}
	return logs
}

// resolve looks up nicknames as httpd does after it has read everything (open_multi_logs in
// mod_log_config.c): what is not a nickname is a format. A virtual host can use the main
// server's formats besides its own.
func (h *host) resolve(server *host, logs []Log) {
	lookUp := func(format string) string {
		for _, formats := range []map[string]string{h.formats, server.formats} {
			if text, ok := formats[format]; ok {
				return text
			}
		}
		return format
	}
	for _, i := range h.logs {
		format := logs[i].Format
		for _, instead := range []string{h.defaultFormat, server.defaultFormat, defaultFormat} {
			if format == "" {
				format = instead
			}
		}
		logs[i].Format = lookUp(format)
	}
}

// word removes and returns the next argument of a directive (ap_getword_conf in server/util.c).
func word(args *string) string {
	s := strings.TrimLeft(*args, " \t\r\v\f")
	var out strings.Builder
	quote := byte(0)
	if s != "" && (s[0] == '"' || s[0] == '\'') {
		quote, s = s[0], s[1:]
	}
	i := 0
	for ; i < len(s); i++ {
		c := s[i]
		if quote != 0 && c == quote || quote == 0 && strings.IndexByte(" \t\r\v\f", c) >= 0 {
			break
		}
		if c == '\\' && i+1 < len(s) && (s[i+1] == '\\' || quote != 0 && s[i+1] == quote) {
			i++
			c = s[i]
		}
		out.WriteByte(c)
	}
	if i < len(s) && quote != 0 {
		i++
	}
	*args = strings.TrimLeft(s[i:], " \t\r\v\f")
	return out.String()
}

// Quote quotes a text as one argument of a directive.
func Quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// Split splits the command of a piped log into arguments as httpd does (apr_tokenize_to_argv in
// apr's strings/apr_cpystrn.c): quotes count only at the start of an argument, and all
// backslashes are removed, except for the second of two.
func Split(command string) (argv []string) {
	for {
		command = strings.TrimLeft(command, " \t")
		if command == "" {
			return argv
		}
		ends := " \t"
		if command[0] == '"' || command[0] == '\'' {
			ends, command = command[:1], command[1:]
		}
		i := 0
		for ; i < len(command) && strings.IndexByte(ends, command[i]) < 0; i++ {
			if command[i] == '\\' && i+1 < len(command) && strings.IndexByte(" \t\"'", command[i+1]) >= 0 {
				i++
			}
		}
		var arg strings.Builder
		escaped := false
		for _, c := range []byte(command[:min(i, len(command))]) {
			if escaped = c == '\\' && !escaped; !escaped {
				arg.WriteByte(c)
			}
		}
		argv = append(argv, arg.String())
		command = command[min(i+1, len(command)):]
	}
}

// Argument quotes a text as one argument of a command, so that Split returns it. It reports
// false if that is impossible.
func Argument(text string) (arg string, ok bool) {
	arg = text
	if text == "" || strings.ContainsAny(text, " \t\"'\\") {
		arg = "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
	}
	back := Split(arg + " x")
	return arg, len(back) == 2 && back[0] == text
}

// included is a file of the configuration and the line that includes it.
type included struct {
	depth, line int
	name        string
}

var (
	inclusion = regexp.MustCompile(`^(\s*)\((\*|\d+)\) (.*)$`)
	variable  = regexp.MustCompile(`\$\{[^}]+\}`)
	defined   = regexp.MustCompile(`^Define: (\w+)=(.*)$`)
)

// FromFiles makes an input for Apache from the output of httpd -t -D DUMP_INCLUDES, for servers
// without mod_info. It cannot know which sections such as <IfModule> are active, so it takes all
// of them for active, and the bodies of macros literally. read returns the text of a file.
func FromFiles(list string, read func(name string) (string, error)) (string, error) {
	var files []included
	vars := map[string]string{}
	for line := range strings.Lines(list) {
		line = strings.TrimSuffix(line, "\n")
		if m := inclusion.FindStringSubmatch(line); m != nil {
			n, _ := strconv.Atoi(m[2])
			files = append(files, included{len(m[1]), n, m[3]})
		}
		if m := defined.FindStringSubmatch(line); m != nil {
			vars[m[1]] = m[2]
		}
	}
	var out strings.Builder
	for len(files) > 0 {
		rest, err := splice(&out, files, vars, read)
		if err != nil {
			return "", err
		}
		files = rest
	}
	return out.String(), nil
}

// splice writes the first file with the files it includes, and returns the remaining files.
func splice(out *strings.Builder, files []included, vars map[string]string, read func(string) (string, error)) ([]included, error) {
	file, rest := files[0], files[1:]
	text, err := read(file.name)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(out, "# In file: %s\n", file.name)
	number, joined := 0, ""
	for line := range strings.Lines(text) {
		number++
		line = joined + strings.TrimRight(line, "\r\n")
		if strings.HasSuffix(line, `\`) { // ap_cfg_getline appends the next line
			joined = strings.TrimSuffix(line, `\`)
			continue
		}
		joined = ""
		line = variable.ReplaceAllStringFunc(strings.TrimSpace(line), func(ref string) string {
			if value, ok := vars[ref[2:len(ref)-1]]; ok {
				return value
			}
			if value, ok := os.LookupEnv(ref[2 : len(ref)-1]); ok {
				return value
			}
			return ref
		})
		args := line
		switch name := strings.ToLower(word(&args)); {
		case name == "" || name[0] == '#' || strings.HasPrefix(name, "<if") || strings.HasPrefix(name, "</if"):
		case name == "define":
			key := word(&args)
			vars[key] = word(&args)
		case name == "include" || name == "includeoptional":
			for len(rest) > 0 && rest[0].depth > file.depth && rest[0].line == number {
				if rest, err = splice(out, rest, vars, read); err != nil {
					return nil, err
				}
				fmt.Fprintf(out, "# In file: %s\n", file.name)
			}
		default:
			fmt.Fprintf(out, "# %d:\n%s\n", number, line)
		}
	}
	return rest, nil
}
