package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"hushpipe/filter/engine"
	"hushpipe/filter/need"
)

// dialer confines itself like hushpipe fleet ship and collect to DIR and an engine's
// address, and prints which of two addresses it can still reach.
func dialer() {
	dir, own, other := os.Args[1], os.Args[2], os.Args[3]
	fmt.Println(confineToEngine(engine.Config{Addresses: []string{own}}, diskAccess{dir: dir}))
	for _, address := range []string{own, other} {
		conn, err := net.Dial("tcp", address)
		switch {
		case err == nil:
			conn.Close()
			fmt.Println("reached")
		case errors.Is(err, unix.EACCES):
			fmt.Println("denied")
		default:
			fmt.Println(err)
		}
	}
}

// TestConfinedToEngine: a process that connects to the engine can reach no other port.
func TestConfinedToEngine(t *testing.T) {
	var addresses []string
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		addresses = append(addresses, l.Addr().String())
	}
	cmd := exec.Command(os.Args[0])
	cmd.Args = []string{"dialer", t.TempDir(), addresses[0], addresses[1]}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	abi := regexp.MustCompile(`landlock \(ABI (\d+)\)`).FindSubmatch(out)
	need.That(t, abi != nil, "this kernel has no landlock")
	n, err := strconv.Atoi(string(abi[1]))
	require.NoError(t, err)
	if n < 4 { // also in CI, as on Debian 12, with Linux 6.1
		t.Skipf("landlock confines ports from ABI 4 (Linux 6.7) on, this kernel has ABI %d", n)
	}
	assert.Regexp(t, `\nreached\ndenied\n$`, string(out))
}
