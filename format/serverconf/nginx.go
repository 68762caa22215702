package serverconf

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// combinedNginx is nginx's built-in log_format.
const combinedNginx = `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"`

// directive is a directive of nginx with the content of its braces.
type directive struct {
	Place
	text   string // the directive in one line, without the braces
	words  []string
	block  []directive
	braced bool
}

// Nginx returns the logs of a configuration as printed by nginx -T: all files, one after the
// other. build is the output of nginx -V, which has the default logs.
func Nginx(dump, build string) []Log {
	files := map[string]string{}
	var names []string
	for line := range strings.Lines(dump) {
		if name, ok := strings.CutPrefix(line, "# configuration file "); ok && strings.HasSuffix(name, ":\n") {
			names = append(names, strings.TrimSuffix(name, ":\n"))
			continue
		}
		if len(names) > 0 {
			files[names[len(names)-1]] += line
		}
	}
	if len(names) == 0 {
		return nil
	}
	n := &nginx{files: files, names: names, main: names[0], build: build, vars: map[string]string{}}
	main := n.read(names[0], 0)
	n.variables(main)
	n.walk(main, scope{})
	if !n.errorSet {
		n.logs = append(n.logs, Log{Place: Place{File: n.main}, Kind: Error, Directive: "error_log", Target: n.built("--error-log-path", "logs/error.log")})
	}
	return n.logs
}

// nginx collects the logs of a configuration.
type nginx struct {
	files    map[string]string
	names    []string
	main     string
	build    string
	vars     map[string]string // variables of the configuration that hold an address, and its origin
	logs     []Log
	errorSet bool
}

// built returns a path that nginx was built with.
func (n *nginx) built(option, usual string) string {
	for field := range strings.FieldsSeq(n.build) {
		if value, ok := strings.CutPrefix(strings.Trim(field, `'`), option+"="); ok {
			return value
		}
	}
	return usual
}

// read parses a file and the files that it includes.
func (n *nginx) read(name string, depth int) []directive {
	p := &nginxParser{text: n.files[name], file: name, line: 1}
	return n.included(p.block(), depth)
}

// included replaces include directives by the content of their files.
func (n *nginx) included(list []directive, depth int) (all []directive) {
	for _, d := range list {
		if d.words[0] != "include" || len(d.words) < 2 || depth > 20 {
			d.block = n.included(d.block, depth)
			all = append(all, d)
			continue
		}
		pattern := d.words[1]
		if !path.IsAbs(pattern) {
			pattern = path.Join(path.Dir(n.main), pattern)
		}
		for _, name := range n.names {
			if ok, err := path.Match(pattern, name); ok && err == nil {
				all = append(all, n.read(name, depth+1)...)
			}
		}
	}
	return all
}

// address matches the variables of nginx and its modules that hold an address. A header with one
// may have any name.
var address = regexp.MustCompile(`^(remote_addr|binary_remote_addr|realip_remote_addr|proxy_protocol_addr|proxy_add_x_forwarded_for|proxy_protocol_tlv_.*|http_.*(forwarded|client|ip|addr|address))$|^http_.*forwarded_for`)

var nginxVariable = regexp.MustCompile(`\$(?:\{(\w+)\}|(\w+))`)

// holds returns the first variable in text that is or may be an address, "" for none.
func (n *nginx) holds(text string) string {
	for _, m := range nginxVariable.FindAllStringSubmatch(text, -1) {
		if name := m[1] + m[2]; address.MatchString(name) || n.vars[name] != "" {
			return "$" + name
		}
	}
	return ""
}

// variables finds variables made from addresses, until it finds no new ones.
func (n *nginx) variables(list []directive) {
	for found := -1; found != len(n.vars); {
		found = len(n.vars)
		n.assigned(list)
	}
}

// assigned is one pass of variables.
func (n *nginx) assigned(list []directive) {
	set := func(name, text string) {
		if from := n.holds(text); from != "" {
			n.vars[strings.TrimPrefix(name, "$")] = from
		}
	}
	for _, d := range list {
		switch w := d.words; {
		case w[0] == "set" && len(w) == 3:
			set(w[1], w[2])
		case w[0] == "map" && len(w) == 3 && n.holds(w[1]) != "":
			// A value without a variable holds nothing of the address.
			for _, value := range d.block {
				for _, m := range nginxVariable.FindAllString(strings.Join(value.words[1:], " "), -1) {
					// A group of the pattern, or another variable.
					n.vars[strings.TrimPrefix(w[2], "$")] = m
				}
			}
		case w[0] == "map" && len(w) == 3:
			for _, value := range d.block {
				set(w[2], strings.Join(value.words[1:], " "))
			}
		case (w[0] == "js_set" || w[0] == "perl_set" || strings.HasPrefix(w[0], "set_by_lua") || w[0] == "auth_request_set") && len(w) > 1:
			n.vars[strings.TrimPrefix(w[1], "$")] = "a program"
		}
		n.assigned(d.block)
	}
}

// scope holds the settings that a block of the configuration inherits.
type scope struct {
	protocol string // http, stream or mail; "" at the top
	logged   bool   // an access_log is set, perhaps to off
	formats  map[string]string
	server   bool
}

// walk finds the logs in a block.
func (n *nginx) walk(list []directive, s scope) {
	if slices.ContainsFunc(list, func(d directive) bool { return d.words[0] == "access_log" }) {
		s.logged = true
	}
	if s.server && s.protocol == "http" && !s.logged && !n.known("access_log") {
		n.logs = append(n.logs, Log{Place: Place{File: n.main}, Kind: Access, Directive: "access_log",
			Target: n.built("--http-log-path", "logs/access.log"), Format: combinedNginx, Nickname: "combined", Holds: "$remote_addr"})
	}
	for _, d := range list {
		switch w := d.words; w[0] {
		case "http", "stream", "mail":
			inner := scope{protocol: w[0], formats: map[string]string{"combined": combinedNginx}}
			for _, format := range d.block {
				if format.words[0] == "log_format" && len(format.words) > 2 {
					text := format.words[2:]
					if strings.HasPrefix(text[0], "escape=") {
						text = text[1:]
					}
					inner.formats[format.words[1]] = strings.Join(text, "")
				}
			}
			n.walk(d.block, inner)
		case "server":
			inner := s
			inner.server = true
			n.walk(d.block, inner)
		case "access_log":
			if len(w) < 2 || w[1] == "off" {
				continue
			}
			log := Log{Place: d.Place, Kind: Access, Directive: w[0], Text: d.text, Target: w[1], Nickname: "combined"}
			rest := w[2:]
			if len(rest) > 0 && !strings.Contains(rest[0], "=") {
				log.Nickname, rest = rest[0], rest[1:]
			}
			log.Format, log.Rest = s.formats[log.Nickname], strings.Join(rest, " ")
			log.Holds = n.holds(log.Format)
			n.logs = append(n.logs, log)
		case "error_log":
			if s.protocol == "" || s.protocol == "http" && !s.server {
				n.errorSet = true
			}
			if len(w) > 1 && !strings.HasPrefix(w[1], "memory:") {
				n.logs = append(n.logs, Log{Place: d.Place, Kind: Error, Directive: w[0], Text: d.text, Target: w[1], Rest: strings.Join(w[2:], " ")})
			}
		case "modsecurity_rules_file", "modsecurity_rules":
			log := Log{Place: d.Place, Kind: Other, Directive: w[0], Text: d.text, Holds: "may name a SecAuditLog, which takes requests with addresses"}
			if len(w) > 1 && w[0] == "modsecurity_rules_file" {
				log.Target = w[1]
			}
			n.logs = append(n.logs, log)
		default:
			if d.braced {
				n.walk(d.block, s)
			}
		}
	}
}

// known reports whether a default log has already been found.
func (n *nginx) known(name string) bool {
	return slices.ContainsFunc(n.logs, func(l Log) bool { return l.Directive == name && l.Line == 0 })
}

// nginxParser parses a file as ngx_conf_read_token does (core/ngx_conf_file.c).
type nginxParser struct {
	text  string
	file  string
	line  int
	begin int // line of the last word
}

// block parses up to the brace that closes the block, or to the end of the file.
func (p *nginxParser) block() (list []directive) {
	d := directive{}
	for {
		word, ends := p.token()
		if word != "" || ends == 'q' {
			if len(d.words) == 0 {
				d.Place = Place{p.file, p.begin}
			}
			d.words = append(d.words, word)
			d.text += " " + p.spelled(word, ends)
		}
		switch ends {
		case ';', '{':
			if len(d.words) == 0 {
				break
			}
			if ends == '{' {
				d.braced = true
				if strings.HasSuffix(d.words[0], "_by_lua_block") {
					p.skipLua()
				} else {
					d.block = p.block()
				}
			}
			d.text = strings.TrimPrefix(d.text, " ")
			list = append(list, d)
			d = directive{}
		case '}', 0:
			return list
		}
	}
}

// spelled returns a word with quotes if it had some.
func (p *nginxParser) spelled(word string, ends byte) string {
	if ends == 'q' {
		return "'" + strings.ReplaceAll(word, "'", `\'`) + "'"
	}
	return word
}

// token returns the next word and how it ended: ' ', 'q' for a quoted word, ';', '{', '}', or 0
// at the end of the file. The last four come without a word.
func (p *nginxParser) token() (word string, ends byte) {
	var out strings.Builder
	begun := false
	for i := 0; i < len(p.text); i++ {
		c := p.text[i]
		if !begun {
			p.begin = p.line
		}
		switch {
		case c == '\n' || c == ' ' || c == '\t' || c == '\r':
			if begun {
				p.text = p.text[i:] // leave the newline to be counted
				return out.String(), ' '
			}
			if c == '\n' {
				p.line++
			}
		case c == '#' && !begun:
			for i+1 < len(p.text) && p.text[i+1] != '\n' {
				i++
			}
		case (c == '"' || c == '\'') && !begun:
			for i++; i < len(p.text) && p.text[i] != c; i++ {
				if p.text[i] == '\\' && i+1 < len(p.text) && strings.IndexByte(`"'\`, p.text[i+1]) >= 0 {
					i++
				}
				if p.text[i] == '\n' {
					p.line++
				}
				out.WriteByte(p.text[i])
			}
			p.text = p.text[min(i+1, len(p.text)):]
			return out.String(), 'q'
		case c == '$' && i+1 < len(p.text) && p.text[i+1] == '{':
			begun = true
			out.WriteString("${")
			i++
		case c == '\\' && i+1 < len(p.text):
			begun = true
			i++
			if strings.IndexByte(`"'\ ;{}`, p.text[i]) < 0 {
				out.WriteByte('\\')
			}
			out.WriteByte(p.text[i])
		case c == ';' || c == '{' || c == '}' && !strings.HasSuffix(openVariable(out.String()), "${"):
			if begun {
				p.text = p.text[i:]
				return out.String(), ' '
			}
			p.text = p.text[i+1:]
			return "", c
		default:
			begun = true
			out.WriteByte(c)
		}
	}
	p.text = ""
	return out.String(), 0
}

// openVariable returns word up to and including its last "${" if no } follows, else "".
func openVariable(word string) string {
	if at := strings.LastIndex(word, "${"); at >= 0 && !strings.Contains(word[at:], "}") {
		return word[:at+2]
	}
	return ""
}

// skipLua skips a program and the brace that closes it.
func (p *nginxParser) skipLua() {
	for depth := 1; p.text != ""; p.text = p.text[1:] {
		switch p.text[0] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				p.text = p.text[1:]
				return
			}
		case '\n':
			p.line++
		}
	}
}
