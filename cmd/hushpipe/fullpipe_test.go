package main

import (
	"context"
	"crypto/sha1"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/audit"
	"hushpipe/filter/counts"
	"hushpipe/format/civil"
)

// TestFullPipe: a client that fills the pipe with long lines makes httpd write other
// clients' lines into them. Each of those clients is counted, or the day is marked, and
// nobody else is counted.
func TestFullPipe(t *testing.T) {
	const others = 60
	dir := filepath.Join(t.TempDir(), "log")
	h := startHTTPD(t, loadLog(hushpipeBinary(t), dir), "LimitRequestLine 60000")
	var logger []int
	await(t, func() bool { logger = loggers(t, dir); return len(logger) == 1 }, "there is not one logger")
	h.raw("127.0.5.3", "GET / HTTP/1.0\r\n\r\n")
	await(t, func() bool {
		names, _ := filepath.Glob(filepath.Join(dir, "access-*"))
		return len(names) > 0
	}, "it does not write")
	require.NoError(t, syscall.Kill(logger[0], syscall.SIGSTOP))
	t.Cleanup(func() { syscall.Kill(logger[0], syscall.SIGCONT) })

	request := func(src, target string) net.Conn {
		conn, err := h.dial(context.Background(), src)
		require.NoError(t, err)
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nReferer: http://localhost/%s\r\nUser-Agent: %s\r\nConnection: close\r\n\r\n",
			target, strings.Repeat("r", 6000), strings.Repeat("u", 7000))
		return conn
	}
	var conns []net.Conn
	for range 30 { // the pipe has room for 1 MiB, where it could be enlarged
		conns = append(conns, request("127.0.5.1", "/load/http-bind?room=long&x="+strings.Repeat("x", 50000)))
	}
	time.Sleep(300 * time.Millisecond) // no sign shows that a write to the full pipe blocks
	for i := range others {
		conn, err := h.dial(context.Background(), fmt.Sprintf("127.0.4.%d", 1+i))
		require.NoError(t, err)
		fmt.Fprint(conn, "GET /load/http-bind?room=other HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		conns = append(conns, conn)
		if i%2 == 1 {
			conns = append(conns, request("127.0.5.2", "/load/http-bind?room=long&x="+strings.Repeat("y", 50000)))
		}
	}
	time.Sleep(300 * time.Millisecond) // as above
	require.NoError(t, syscall.Kill(logger[0], syscall.SIGCONT))
	for _, conn := range conns {
		conn.SetReadDeadline(time.Now().Add(waitLimit))
		for b := make([]byte, 4096); ; {
			if _, err := conn.Read(b); err != nil {
				break
			}
		}
		conn.Close()
	}
	h.Stop()

	day := civil.DayOf(time.Now())
	counts, err := counts.Read(dir, day)
	require.NoError(t, err)
	found, hashOf := map[string]uint64{}, func(room string) string { return fmt.Sprintf("%x", sha1.Sum([]byte("load/"+room))) }
	for _, room := range counts.Rooms {
		found[fmt.Sprintf("%x", room.Hash)] = room.Count
	}
	status, err := audit.ReadStatus(dir, "", time.Now())
	require.NoError(t, err)
	t.Logf("%d of %d others counted, %d lines glued, %d malformed, overflow %d", found[hashOf("other")], others,
		status.Total.Glued, status.Total.Malformed, counts.Overflow)
	assert.LessOrEqual(t, found[hashOf("other")], uint64(others))
	assert.LessOrEqual(t, found[hashOf("long")], uint64(2))
	if found[hashOf("other")] < others || found[hashOf("long")] < 2 || status.Total.Glued > 0 {
		assert.NotZero(t, counts.Overflow)
		assert.FileExists(t, filepath.Join(dir, "rooms", "rooms-"+day.String()+".log.partial"))
	}
}
