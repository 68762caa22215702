package serverconf

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSplit follows apr_tokenize_to_argv, case by case.
func TestSplit(t *testing.T) {
	for command, want := range map[string][]string{
		`/usr/bin/hushpipe filter /var/log/hushpipe`: {"/usr/bin/hushpipe", "filter", "/var/log/hushpipe"},
		"  a \t b  ":      {"a", "b"},
		`a 'b c' "d e"`:   {"a", "b c", "d e"},
		`a b'c d'`:        {"a", "b'c", "d'"}, // a quote inside an argument is no quote
		`a --f='b c'`:     {"a", "--f='b", "c'"},
		`a b\ c`:          {"a", "b c"},
		`a 'b\'c' d`:      {"a", "b'c", "d"},
		`a "%h \"%r\"" d`: {"a", `%h "%r"`, "d"},
		`a b\c\\d`:        {"a", `bc\d`},
		`a ''`:            {"a", ""},
		`a 'b`:            {"a", "b"},
		`a 'b''c'`:        {"a", "b", "c"},
		``:                nil,
	} {
		assert.Equal(t, want, Split(command), "%q", command)
	}
}

// TestArgument: Split returns what Argument quoted.
func TestArgument(t *testing.T) {
	for _, text := range []string{"", "a", "a b", `%h "%r" %>s`, `it's`, `a\b`, "a\tb", `/var/log/hush pipe`} {
		arg, ok := Argument(text)
		require.True(t, ok, text)
		require.Equal(t, []string{"x", text, "y"}, Split("x "+arg+" y"), text)
	}
	for _, text := range []string{`a b\`} {
		_, ok := Argument(text)
		require.False(t, ok, "apr takes the quote behind a backslash for text: %q", text)
	}
}

// TestWord follows ap_getword_conf, and Quote is its inverse.
func TestWord(t *testing.T) {
	for args, want := range map[string][]string{
		`a b`:                     {"a", "b"},
		`"a b" 'c "d"' e`:         {"a b", `c "d"`, "e"},
		`"%h \"%r\"" combined`:    {`%h "%r"`, "combined"},
		`"a\\b\c" d`:              {`a\b\c`, "d"},
		`"|x --format '%h' /d" c`: {"|x --format '%h' /d", "c"},
		`"open`:                   {"open"},
	} {
		rest, got := args, []string(nil)
		for rest != "" {
			got = append(got, word(&rest))
		}
		assert.Equal(t, want, got, args)
	}
	quoted := Quote(`|x --format '%h "%r"' a\b`)
	require.Equal(t, `|x --format '%h "%r"' a\b`, word(&quoted))
}

// brief returns one line for each log: position, directive, target, format.
func brief(logs []Log) (list []string) {
	for _, l := range logs {
		line := strings.Join([]string{l.File, string(rune('0' + l.Line)), l.Directive, l.Target, l.Format, l.Rest, l.Holds}, "|")
		if l.Host.Line > 0 {
			line += "|in a virtual host"
		}
		list = append(list, line)
	}
	return list
}

func TestApache(t *testing.T) {
	for name, c := range map[string]struct{ dump, want string }{
		"nicknames are looked up at the end, and the last one holds": {`
# In file: a.conf
#   1:
CustomLog x.log mine env=!y
#   2:
LogFormat "%h" mine
#   3:
LogFormat "%t \"%r\"" mine
#   4:
CustomLog y.log other`,
			`a.conf|1|CustomLog|x.log|%t "%r"|env=!y|
a.conf|4|CustomLog|y.log|other||`},
		"TransferLog takes the format without a name": {`
# In file: a.conf
#   1:
TransferLog x.log
#   2:
<VirtualHost *:80>
  #   3:
  TransferLog y.log
  #   4:
  LogFormat nick
  #   5:
  LogFormat %a nick
</VirtualHost>
#   6:
LogFormat %v`,
			`a.conf|1|TransferLog|x.log|%v||
a.conf|3|TransferLog|y.log|%a|||in a virtual host`},
		"a virtual host has the formats of the server": {`
# In file: a.conf
#   1:
LogFormat %h mine
#   2:
<VirtualHost *:80>
# In file: b.conf
  #   1:
  CustomLog "|/bin/a b" mine
# In file: a.conf
</VirtualHost>
#   8:
GlobalLog z.log "%a %U"`,
			`b.conf|1|CustomLog||/bin/a b|%h|||in a virtual host
a.conf|8|GlobalLog|z.log|%a %U||`},
		"of several ErrorLogs the last holds": {`
# In file: a.conf
#   1:
ErrorLog a
#   2:
ErrorLog syslog:local1
#   3:
<VirtualHost *:80>
  #   4:
  errorlog "|c d"
</VirtualHost>
Main ErrorLog: "/b"`,
			`a.conf|2|ErrorLog|syslog:local1|||
a.conf|4|errorlog||c d||||in a virtual host`},
		"no ErrorLog is one": {`
# In file: a.conf
#   1:
Listen 80
Main ErrorLog: "/etc/apache2/logs/error_log"`,
			`a.conf|0|ErrorLog|/etc/apache2/logs/error_log|||`},
		"a macro stands where it is defined": {`
# In file: macro 'vh' (defined on line 3 of "m.conf") used on line 9 of "a.conf"
#   2:
CustomLog x.log CLF`,
			`m.conf|5|CustomLog|x.log|%h %l %u %t "%r" %>s %b||`},
		"modules": {`
# In file: a.conf
#   1:
ForensicLog f.log
#   2:
SecAuditLog s.log
#   3:
SecAuditEngine Off`,
			`a.conf|1|ForensicLog|f.log|||writes whole requests, with X-Forwarded-For and cookies`},
		"an audit log that is on": {`
# In file: a.conf
#   1:
SecAuditEngine RelevantOnly
#   2:
SecAuditLog s.log
#   3:
SecAuditEngine Off`,
			`a.conf|2|SecAuditLog|s.log|||writes requests with addresses`},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, strings.Split(c.want, "\n"), brief(Apache(c.dump)))
		})
	}
}

// TestFromFiles: without mod_info, files are read in the order of their inclusion, and all
// sections count as active.
func TestFromFiles(t *testing.T) {
	files := map[string]string{
		"/a.conf": "Define DIR /logs\n<IfModule no.c>\nCustomLog ${DIR}/a.log \\\n  mine\n</IfModule>\nInclude sub/*.conf\n# CustomLog no.log\n<VirtualHost *>\n\tInclude vh\n</VirtualHost>\nCustomLog e.log mine\n",
		"/b.conf": "LogFormat %h mine\n", "/c.conf": "CustomLog ${UNKNOWN}/c.log mine", "/vh": "CustomLog d.log mine\n",
	}
	read := func(name string) (string, error) {
		if text, ok := files[name]; ok {
			return text, nil
		}
		return "", errors.New("missing")
	}
	list := "Included configuration files:\n  (*) /a.conf\n    (6) /b.conf\n    (6) /c.conf\n    (9) /vh\nServerRoot: \"/\"\n"
	text, err := FromFiles(list, read)
	require.NoError(t, err)
	require.Equal(t, []string{
		"/a.conf|4|CustomLog|/logs/a.log|%h||",
		"/c.conf|1|CustomLog|${UNKNOWN}/c.log|%h||",
		"/vh|1|CustomLog|d.log|%h|||in a virtual host",
		"/a.conf|;|CustomLog|e.log|%h||", // line 11
	}, brief(Apache(text)))
	delete(files, "/vh")
	_, err = FromFiles(list, read)
	require.EqualError(t, err, "missing")
}

func TestNginx(t *testing.T) {
	const build = "nginx version: nginx/1.22.1\nconfigure arguments: --with-cc-opt='-g -O2' --http-log-path=/var/log/nginx/access.log --error-log-path=stderr"
	conf := func(files ...string) string {
		dump := ""
		for i, text := range files {
			dump += "# configuration file /etc/nginx/" + []string{"nginx.conf", "conf.d/b.conf", "conf.d/c.conf"}[i] + ":\n" + text + "\n\n"
		}
		return dump
	}
	const combined = `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"`
	for name, c := range map[string]struct {
		dump string
		want []string
	}{
		"nothing set": {conf("events {}\nhttp { server { listen 80; } server { listen 81; } }"), []string{
			"/etc/nginx/nginx.conf|0|access_log|/var/log/nginx/access.log|" + combined + "||$remote_addr",
			"/etc/nginx/nginx.conf|0|error_log|stderr|||"}},
		"no server, no request": {conf("error_log /dev/null;\nhttp { include conf.d/*.conf; }", "# nothing"), []string{
			"/etc/nginx/nginx.conf|1|error_log|/dev/null|||"}},
		"files, comments, quotes, a format with a name": {conf("error_log /e warn; # access_log /no;\nhttp {\n  include conf.d/*.conf;\n  log_format mine escape=json '$http_x_real_ip '\n    \"\\\"$request\\\"\";\n}", "access_log /b mine buffer=32k if=$ok;\n\n\nserver { access_log off; location / { access_log /b2 mine; } }", "access_log\n /c;"), []string{
			"/etc/nginx/nginx.conf|1|error_log|/e||warn|",
			`/etc/nginx/conf.d/b.conf|1|access_log|/b|$http_x_real_ip "$request"|buffer=32k if=$ok|$http_x_real_ip`,
			`/etc/nginx/conf.d/b.conf|4|access_log|/b2|$http_x_real_ip "$request"||$http_x_real_ip`,
			"/etc/nginx/conf.d/c.conf|1|access_log|/c|" + combined + "||$remote_addr"}},
		"what a map makes of an address": {conf("error_log /e;\nhttp {\nmap $remote_addr $short { ~^(?P<n>\\d+\\.\\d+)\\. $n.0.0; default 0; }\nmap $remote_addr $known { default 0; 192.0.2.1 1; }\nmap $known $again { 1 $short; }\nlog_format a $again; log_format b '$known $request';\naccess_log /a a; access_log /b b;\nserver { set $who $remote_addr; }\n}"), []string{
			"/etc/nginx/nginx.conf|1|error_log|/e|||",
			"/etc/nginx/nginx.conf|7|access_log|/a|$again||$again",
			"/etc/nginx/nginx.conf|7|access_log|/b|$known $request||"}},
		"braces in variables and programs": {conf("error_log /e;\nhttp {\nlog_format a \"${request}x\"${remote_addr};\naccess_log /var/${host}.log a;\nserver { location / { content_by_lua_block {\nlocal a = {1}\naccess_log /no;\n} access_log /yes a; } }\n}"), []string{
			"/etc/nginx/nginx.conf|1|error_log|/e|||",
			"/etc/nginx/nginx.conf|4|access_log|/var/${host}.log|${request}x${remote_addr}||$remote_addr",
			"/etc/nginx/nginx.conf|8|access_log|/yes|${request}x${remote_addr}||$remote_addr"}},
		"streams, syslog, ModSecurity": {conf("error_log /e;\nstream { log_format s $remote_addr; access_log syslog:server=h s; server {} }\nhttp { access_log off;\nserver { modsecurity_rules_file /m.conf; error_log memory:1m; } }"), []string{
			"/etc/nginx/nginx.conf|1|error_log|/e|||",
			"/etc/nginx/nginx.conf|2|access_log|syslog:server=h|$remote_addr||$remote_addr",
			"/etc/nginx/nginx.conf|4|modsecurity_rules_file|/m.conf|||may name a SecAuditLog, which takes requests with addresses"}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, brief(Nginx(c.dump, build))) })
	}
	require.Empty(t, Nginx("nginx: [emerg] no configuration", build))
}

// TestSample: a line has a realistic value for each directive of httpd.
func TestSample(t *testing.T) {
	for logFormat, want := range map[string]string{
		`%v:%p %h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"`: `www.example.org:80 192.0.2.1 - - [22/Nov/2026:06:46:00 +0000] "GET / HTTP/1.1" 200 80 "-" "Mozilla/5.0"`,
		`%{c}a %400,501{x}i %!200h %{ms}T %D 100%%`:                          `192.0.2.1 - 192.0.2.1 80 80 100%`,
	} {
		line, ok := Sample(logFormat)
		require.True(t, ok)
		require.Equal(t, want, line)
	}
	for _, logFormat := range []string{"%{%F}t %h", "%Y %h", "combined"} {
		_, ok := Sample(logFormat)
		require.False(t, ok, logFormat)
	}
}

// TestNginxSample does the same for nginx.
func TestNginxSample(t *testing.T) {
	for logFormat, want := range map[string]string{
		combinedNginx:                  `192.0.2.1 - - [22/Nov/2026:06:46:00 +0000] "GET / HTTP/1.1" 200 80 "-" "Mozilla/5.0"`,
		`$remote_addr|$request`:        `192.0.2.1|GET / HTTP/1.1`,
		`${http_x_real_ip}\t$mine$own`: "192.0.2.1\t--",
		`a word`:                       `a word`,
	} {
		require.Equal(t, want, NginxSample(logFormat))
	}
}
