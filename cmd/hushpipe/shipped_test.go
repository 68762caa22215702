package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// LogFormats that httpd ships and Debian's apache2.conf does not have
// (docs/conf/httpd.conf.in, docs/conf/extra/httpd-ssl.conf.in).
const (
	combinedIO    = `LogFormat "%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\" %I %O" combinedio`
	sslRequestLog = `LogFormat "%t %h %{SSL_PROTOCOL}x %{SSL_CIPHER}x \"%r\" %b" ssl_request_log`
)

// TestShippedByApache: in access logs of each LogFormat of Debian's apache2 and of
// httpd itself, written by a real httpd under Debian's configuration, only the client
// changes, with --format auto and with the format's name, and rooms are counted. Logs
// without a client and the error log contain no address and no name.
func TestShippedByApache(t *testing.T) {
	t.Run("addresses", func(t *testing.T) {
		testShippedByApache(t, "Off", []string{"127.0.0.2", "127.0.0.3", "127.0.0.4", "::1"}, nil)
	})
	t.Run("names", func(t *testing.T) {
		testShippedByApache(t, "On", []string{"127.0.0.1"}, []string{"localhost"})
	})
}

func testShippedByApache(t *testing.T, lookups string, sources, names []string) {
	apache(t)
	base, keys, program := t.TempDir(), filepath.Join(t.TempDir(), "keys"), hushpipeBinary(t)
	h, _ := debianHTTPD(t, func(string) string { return "" })
	tlsPort := freePort(t)
	certificate(t, h.Root)

	debian, err := os.ReadFile(filepath.Join(h.Root, "apache2.conf"))
	require.NoError(t, err)
	shipped := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^LogFormat "(.*)" (\w+)$`).FindAllStringSubmatch(string(debian)+combinedIO+"\n"+sslRequestLog+"\n", -1) {
		shipped[m[2]] = m[1]
	}
	for _, name := range []string{"vhost_combined", "combined", "common", "referer", "agent"} {
		require.Contains(t, shipped, name, "apache2.conf defines it no more")
	}
	conf := []string{combinedIO, sslRequestLog, "HostnameLookups " + lookups, "UseCanonicalName Off", "LogLevel info",
		"Include mods-available/socache_shmcb.load", "Include mods-available/ssl.load", "Include mods-available/ssl.conf",
		"Listen 127.0.0.1:" + tlsPort, "Listen [::1]:" + tlsPort,
		`AliasMatch "^(/[^/]+)?/(http-bind|xmpp-websocket)$" "` + h.Root + `/page"`,
		"<Directory \"" + h.Root + "\">\nRequire all granted\n</Directory>"}
	logger := func(name, spec string) string {
		dir := filepath.Join(base, name+"-"+map[bool]string{true: "auto", false: "named"}[spec == "auto"])
		return fmt.Sprintf(`"|%s filter --keys %s --format '%s' %s"`, program, keys, spec, dir)
	}
	for name, logFormat := range shipped {
		spec := name
		if strings.HasPrefix(logFormat, "%{") { // it has no name of ours, and no client
			spec = logFormat
		}
		conf = append(conf, fmt.Sprintf("CustomLog raw-%s.log %s", name, name),
			"CustomLog "+logger(name, "auto")+" "+name, "CustomLog "+logger(name, spec)+" "+name)
	}
	sites := ""
	for i, site := range []string{"one", "two", "secure"} {
		port, more := h.port, ""
		if site == "secure" {
			port, more = tlsPort, "SSLEngine on\nSSLCertificateFile "+h.Root+"/cert.pem\n"
		}
		sites += fmt.Sprintf("<VirtualHost *:%s>\nServerName %s.example.org\nErrorLog %s\n%s</VirtualHost>\n",
			port, site, logger("error", []string{"auto", "error", "error"}[i]), more)
	}
	for name, text := range map[string]string{
		"conf-available/hushpipe.conf": strings.Join(conf, "\n") + "\n",
		"sites-enabled/one.conf":       sites,
		"ports.conf":                   "Listen 127.0.0.1:" + h.port + "\nListen [::1]:" + h.port + "\nServerName www.example.org\n",
		"page":                         "page\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(h.Root, name), []byte(text), 0o644))
	}
	require.NoError(t, os.Remove(filepath.Join(h.Root, "sites-enabled/two.conf")))
	for _, dir := range []string{base, filepath.Dir(keys), filepath.Dir(program)} {
		require.NoError(t, os.Chmod(dir, 0o755))
	}
	h.start("-d", h.Root)

	for i, src := range sources {
		secure := h.client(src)
		secure.Transport = &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&httpd{port: tlsPort}).dial(ctx, src)
			}}
		for n, target := range []string{"/http-bind?room=Alpha", "/xmpp-websocket?room=beta", "/verein/http-bind?room=alpha", "/missing", "/server-status?from=" + src, "/.htaccess"} {
			if n == 1 && i > 0 {
				continue // a room of one client
			}
			// With several hosts, the counts show if a host is taken for the client.
			for _, site := range []string{"one", "two"} {
				h.raw(src, "GET "+target+" HTTP/1.1\r\nHost: "+site+".example.org\r\nConnection: close\r\n"+
					"Referer: https://meet.example.org/"+src+"\r\nUser-Agent: Mozilla/5.0 (X11; probe of "+src+") Chrome/124.0.0.0\r\n\r\n")
			}
			req, err := http.NewRequest("POST", "https://secure.example.org"+target, strings.NewReader("<body/>"))
			require.NoError(t, err)
			resp, err := secure.Do(req)
			require.NoError(t, err)
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	}
	for _, request := range oddRequests {
		if !strings.Contains(request, "localhost") && !strings.Contains(request, "X-Forwarded") {
			h.raw(sources[0], request)
		}
	}
	for _, dir := range []string{"error-auto", "error-named"} {
		await(t, func() bool { return strings.Contains(written(filepath.Join(base, dir)), "AH01630: client denied") }, dir+" is not written")
	}
	h.Stop()

	hidden := map[netip.Addr]bool{}
	for _, src := range sources {
		hidden[netip.MustParseAddr(src)] = true
	}
	assertNoAddressBelow(t, base, hidden)
	for _, name := range names {
		require.Contains(t, strings.Join(lines(t, filepath.Join(h.Root, "raw-combined.log")), "\n"), name+" - - [", "%s has no name here", sources)
		for _, dir := range glob(t, filepath.Join(base, "*")) {
			assert.NotContains(t, written(dir), name, dir)
		}
	}

	raw := lines(t, filepath.Join(h.Root, "raw-combined.log"))
	pseudonyms := pseudonymsOf(t, keys, raw, append([]string{"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "::1"}, names...))
	for name, logFormat := range shipped {
		rawLines := lines(t, filepath.Join(h.Root, "raw-"+name+".log"))
		require.Len(t, rawLines, len(raw))
		for _, by := range []string{"auto", "named"} {
			dir := filepath.Join(base, name+"-"+by)
			total := totals(t, dir)
			assert.Equal(t, len(rawLines), total["lines"], dir)
			if strings.HasPrefix(logFormat, "%{") {
				empty := strings.Count("\n"+strings.Join(rawLines, "\n")+"\n", "\n\n")
				assert.Equal(t, len(rawLines)-empty, total["malformed"]+total["without_client"], "no line without client goes unsaid in %s", dir)
				continue
			}
			figures := map[string]int{"lines": len(rawLines), "processes_ended": total["processes_ended"]}
			if name == "ssl_request_log" {
				figures["without_request"] = 2 // TLS and garbage: no status shows that they were refused
			}
			assert.Equal(t, figures, total, dir)
			assertRooms(t, raw, dir)
			want := slices.Clone(rawLines)
			for i := range want {
				want[i] = pseudonyms[dayOf(" "+want[i])].Replace(want[i])
			}
			got := strings.Split(strings.TrimSuffix(written(dir), "\n"), "\n")
			slices.Sort(want)
			slices.Sort(got)
			assert.Equal(t, want, got, dir)
		}
	}
	for _, dir := range []string{"error-auto", "error-named"} {
		total := totals(t, filepath.Join(base, dir))
		assert.Equal(t, map[string]int{"lines": total["lines"], "processes_ended": total["processes_ended"]}, total, dir)
	}
}

// certificate writes a key and a certificate to cert.pem in dir.
func certificate(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().AddDate(1, 0, 0), DNSNames: []string{"secure.example.org"}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	text := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})...)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "cert.pem"), text, 0o600))
}

// pseudonymsOf returns what puts the pseudonyms of clients in their place, by the days
// of the raw lines.
func pseudonymsOf(t *testing.T, keys string, raw, clients []string) map[string]*strings.Replacer {
	t.Helper()
	byDay := map[string]*strings.Replacer{}
	for _, line := range raw {
		if byDay[dayOf(line)] != nil {
			continue
		}
		_, rest, _ := strings.Cut(line, " ")
		filter := exec.Command(hushpipeBinary(t), "filter", "--stdout", "--format", "combined", "--keys", keys, filepath.Dir(keys))
		filter.Stdin = strings.NewReader(strings.Join(clients, " "+rest+"\n") + " " + rest + "\n")
		out, err := filter.Output()
		require.NoError(t, err)
		var pairs []string
		for i, line := range strings.Split(strings.TrimSuffix(string(out), "\n"), "\n") {
			pseudonym, _, _ := strings.Cut(line, " ")
			pairs = append(pairs, clients[i], pseudonym)
		}
		byDay[dayOf(line)] = strings.NewReplacer(pairs...)
	}
	return byDay
}

// nginxConf has the log format in the configuration that nginx ships (a comment in
// conf/nginx.conf), and nginx's default, combined.
const nginxConf = `daemon off;
pid ROOT/nginx.pid;
error_log ROOT/error.log info;
events {}
http {
	log_format main '$remote_addr - $remote_user [$time_local] "$request" '
	                '$status $body_bytes_sent "$http_referer" '
	                '"$http_user_agent" "$http_x_forwarded_for"';
	access_log ROOT/main.log main;
	access_log ROOT/combined.log;
	access_log syslog:server=unix:ROOT/socket main;
	client_body_temp_path ROOT/body;
	proxy_temp_path ROOT/proxy;
	fastcgi_temp_path ROOT/fastcgi;
	uwsgi_temp_path ROOT/uwsgi;
	scgi_temp_path ROOT/scgi;
	server {
		listen 127.0.0.1:PORT;
		listen [::1]:PORT ipv6only=on;
		server_name www.example.org;
		root ROOT/htdocs;
		location ~ "^(/[^/]+)?/(http-bind|xmpp-websocket)$" { return 200; }
		location /denied/ { deny all; }
		location /gone/ { proxy_pass http://127.0.0.1:1; }
	}
}
`

// TestShippedByNginx is TestShippedByApache for what nginx ships: main, combined and
// the error log in files, and main as syslog messages.
func TestShippedByNginx(t *testing.T) {
	h := newNginx(t)
	root := h.Root
	require.NoError(t, os.Mkdir(filepath.Join(root, "htdocs"), 0o755))
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(root, "socket"), Net: "unixgram"})
	require.NoError(t, err)
	require.NoError(t, os.Chmod(filepath.Join(root, "socket"), 0o777))
	syslog := make(chan string)
	go func() {
		var text strings.Builder
		for datagram := make([]byte, 64<<10); ; {
			n, err := socket.Read(datagram)
			if err != nil || string(datagram[:n]) == "end" {
				syslog <- text.String()
				return
			}
			text.Write(append(datagram[:n], '\n'))
		}
	}()
	h.startNginx(nginxConf)

	sources := []string{"127.0.0.2", "127.0.0.3", "127.0.0.4", "::1"}
	for i, src := range sources {
		for n, target := range []string{"/http-bind?room=Alpha", "/xmpp-websocket?room=beta", "/verein/http-bind?room=alpha", "/missing/" + src, "/denied/", "/gone/"} {
			if n == 1 && i > 0 {
				continue // a room of one client
			}
			h.raw(src, "GET "+target+" HTTP/1.1\r\nHost: www.example.org\r\nConnection: close\r\nX-Forwarded-For: dsl-7.example.net, "+src+"\r\n"+
				"Referer: https://meet.example.org/"+src+"\r\nUser-Agent: Mozilla/5.0 (X11; probe of "+src+") Chrome/124.0.0.0\r\n\r\n")
		}
	}
	for _, request := range oddRequests {
		// nginx writes NUL bytes to its error log unchanged: such a line is malformed.
		if !strings.Contains(request, "X-Forwarded") && !strings.Contains(request, "\x00") {
			h.raw("127.0.0.5", request)
		}
	}
	require.NoError(t, h.cmd.Process.Signal(syscall.SIGQUIT)) // which ends what runs
	<-h.ended
	require.True(t, h.cmd.ProcessState.Success())
	end, err := net.Dial("unixgram", filepath.Join(root, "socket")) // behind what nginx has sent
	require.NoError(t, err)
	_, err = end.Write([]byte("end"))
	require.NoError(t, err)
	require.NoError(t, end.Close())
	defer socket.Close()

	raw := lines(t, filepath.Join(root, "combined.log"))
	main := lines(t, filepath.Join(root, "main.log"))
	keys := filepath.Join(t.TempDir(), "keys")
	var pseudonyms map[string]*strings.Replacer
	for _, log := range []struct {
		name  string
		lines []string
		specs []string
	}{
		{"combined", raw, []string{"auto", "combined"}},
		{"main", main, []string{"auto", "main"}},
		{"syslog", strings.Split(strings.TrimSuffix(<-syslog, "\n"), "\n"), []string{"auto", "main"}},
		{"error", lines(t, filepath.Join(root, "error.log")), []string{"auto", "error"}},
	} {
		for _, spec := range log.specs {
			dir := filepath.Join(t.TempDir(), "log")
			filter := exec.Command(hushpipeBinary(t), "filter", "--keys", keys, "--format", spec, dir)
			filter.Stdin = strings.NewReader(strings.Join(log.lines, "\n") + "\n")
			said, err := filter.CombinedOutput()
			require.NoError(t, err, "%s", said)
			if pseudonyms == nil {
				pseudonyms = pseudonymsOf(t, keys, raw, append(sources, "127.0.0.5", "127.0.0.1", "dsl-7.example.net"))
			}
			what := log.name + " as " + spec
			assert.Empty(t, string(said), what)
			assert.Equal(t, map[string]int{"lines": len(log.lines), "processes_ended": 1}, totals(t, dir), what)
			got := strings.Split(strings.TrimSuffix(written(dir), "\n"), "\n")
			if log.name == "error" {
				text := strings.Join(got, "\n")
				for _, src := range append(sources, "127.0.0.5") {
					assert.NotContains(t, text, src, what)
					assert.Contains(t, text, "client: "+pseudonyms[dayOf(raw[0])].Replace(src)+", server: www.example.org", what)
				}
				continue
			}
			require.Len(t, log.lines, len(raw), what)
			assertRooms(t, raw, dir)
			for i, line := range log.lines {
				assert.Equal(t, pseudonyms[dayOf(line)].Replace(line), got[i], what)
			}
		}
	}
}

// totals returns the figures of DIR that are not 0.
func totals(t *testing.T, dir string) map[string]int {
	t.Helper()
	out, err := exec.Command(hushpipeBinary(t), "status", "--json", dir).Output()
	require.NotEmpty(t, out, "%v", err)
	var status struct{ Total map[string]int }
	require.NoError(t, json.Unmarshal(out, &status))
	for name, n := range status.Total {
		if n == 0 {
			delete(status.Total, name)
		}
	}
	return status.Total
}
