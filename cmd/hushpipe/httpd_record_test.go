//go:build record

package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRecord rewrites testdata/httpd with what httpd logs of the same requests
// in several formats. Their clients have loopback and documentation addresses
// (RFC 5737, RFC 3849) only.
//
//	go test -tags record -run TestRecord ./cmd/hushpipe
func TestRecord(t *testing.T) {
	h := startHTTPD(t, remoteIP, combined, vhostCombined, common, jsonFormat,
		"CustomLog combined.log combined",
		"CustomLog vhost_combined.log vhost_combined",
		"CustomLog common.log common",
		"CustomLog json.log json",
		"LogLevel core:info",
		vhost("www.example.org"), vhost("meet.example.org"))

	rnd := rand.New(rand.NewPCG(2026, 11))
	pick := func(from []string) string { return from[rnd.IntN(len(from))] }
	sources := []string{"127.0.0.1", "127.0.0.2", "127.0.0.250", "127.8.9.10", "::1"}
	conns := map[string]*http.Client{}
	for _, src := range sources {
		conns[src] = h.client(src)
	}
	clients := recordClients(rnd)
	for i := range 360 {
		if i == 180 {
			h.Graceful()
		}
		method, target, _ := strings.Cut(pick(recordTargets), " ")
		client := pick(clients)
		target = strings.NewReplacer("ROOM", pick(recordRooms), "V4", clients[rnd.IntN(30)],
			"V6", clients[30+rnd.IntN(30)]).Replace(target)
		req, err := http.NewRequest(method, h.URL+target, nil)
		require.NoError(t, err)
		req.Host = pick([]string{"www.example.org", "meet.example.org"})
		req.Header.Set("User-Agent", strings.ReplaceAll(pick(recordAgents), "V4", client))
		if referer := pick(recordReferers); referer != "" {
			req.Header.Set("Referer", strings.ReplaceAll(referer, "V4", clients[rnd.IntN(30)]))
		}
		if i%6 != 0 {
			req.Header.Set("X-Forwarded-For", client)
		}
		if user := pick(recordUsers); user != "-" {
			req.SetBasicAuth(user, "secret")
		}
		resp, err := conns[pick(sources)].Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	}
	for _, r := range oddRequests {
		h.raw(pick(sources), r)
	}
	h.Stop()

	for _, name := range []string{"combined", "vhost_combined", "common", "json", "error"} {
		data, err := os.ReadFile(filepath.Join(h.Root, name+".log"))
		require.NoError(t, err)
		path := filepath.Join("..", "..", "testdata", "httpd", name+".log")
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, data, 0o644))
	}
}

func vhost(name string) string {
	return fmt.Sprintf("<VirtualHost *>\nServerName %s:443\n</VirtualHost>", name)
}

// recordClients returns 30 IPv4 addresses and then 30 IPv6 addresses.
func recordClients(rnd *rand.Rand) []string {
	var clients []string
	for i := range 30 {
		net := []string{"192.0.2", "198.51.100", "203.0.113"}[i%3]
		clients = append(clients, fmt.Sprintf("%s.%d", net, rnd.IntN(256)))
	}
	for i := range 30 {
		switch i % 3 {
		case 0:
			clients = append(clients, fmt.Sprintf("2001:db8::%x", rnd.IntN(1<<16)))
		case 1:
			clients = append(clients, fmt.Sprintf("2001:db8:%x:%x::%x", rnd.IntN(1<<16), rnd.IntN(256), rnd.IntN(256)))
		default:
			clients = append(clients, fmt.Sprintf("2001:db8:%x:%x:%x:%x:%x:%x", rnd.IntN(1<<16), rnd.IntN(1<<16),
				rnd.IntN(1<<16), rnd.IntN(1<<16), rnd.IntN(1<<16), rnd.IntN(1<<16)))
		}
	}
	return clients
}

var (
	recordTargets = []string{
		"POST /http-bind?room=ROOM", "POST /http-bind?room=ROOM", "POST /http-bind?room=ROOM",
		"POST /http-bind?room=ROOM&token=eyJhbGciOiJIUzI1NiJ9.eyJyb29tIjoiKiJ9.c2ln",
		"POST /verein/http-bind?room=ROOM",
		"GET /xmpp-websocket?room=ROOM", "GET /xmpp-websocket?room=ROOM&jwt=eyJhbGciOiJub25lIn0.e30.",
		"POST /conference-request/v1?room=ROOM", "GET /_unlock?room=ROOM",
		"POST /http-bind?room=ROOM&status=404", "GET /xmpp-websocket?room=ROOM&status=502",
		"GET /", "HEAD /", "GET /index.html", "GET /app.js", "GET /app.js?v=8.6.1", "OPTIONS /",
		"GET /ROOM", "GET /favicon.ico", "GET /robots.txt", "GET /wp-login.php", "GET /.env",
		"GET /denied/", "GET /denied/list", "GET /private/", "GET /private/",
		"GET /?client=V4&seen=V6", "GET /?via=http%3A%2F%2FV4%2Flogin", "GET /peer/V4/stats",
		"GET /app.js?password=hunter2&sid=0123456789abcdef&email=mary@example.org",
		"GET /caf%C3%A9?q=%22quoted%22%20and%20more", "GET /a%20b", "POST /index.html", "DELETE /index.html",
	}
	recordRooms = []string{
		"Standup", "Standup", "Standup", "standup", "PetersKonferenz", "PetersKonferenz", "Vorstand",
		"caf%C3%A9", "caf%25C3%25A9", "Montags%20Runde", "%E4%BC%9A%E8%AD%B0", "a.b-c_d", "1",
	}
	recordAgents = []string{
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:125.0) Gecko/20100101 Firefox/125.0",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1",
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
		"curl/8.5.0", "okhttp/4.12.0", "JitsiMeet/24.2.1.2 (Android 14)", "probe for V4", `a "quoted" agent with \ in it`,
	}
	recordReferers = []string{
		"", "", "", "https://meet.example.org/Standup", "https://www.example.org/", "http://V4/", "http://V4:8080/?client=V4",
		"https://www.example.org/search?q=caf%C3%A9&access_token=0123abcd", "https://[2001:db8::17]/",
	}
	recordUsers = []string{"-", "-", "-", "mary", "mary ann", "mary@example.org", ""}
)
