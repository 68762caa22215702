package format

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRoles: a field has the role of its directive.
func TestRoles(t *testing.T) {
	type field struct {
		role Role
		text string
	}
	for _, test := range []struct {
		format, line string
		opt          Options
		want         []field
	}{
		{format: "combined", line: `192.0.2.1 - ann [22/Nov/2026:06:46:00 +0000] "GET /a HTTP/1.1" 200 5 "-" "A/1"`, want: []field{
			{RoleClient, "192.0.2.1"}, {RoleIdentity, "-"}, {RoleUser, "ann"}, {RoleTime, "[22/Nov/2026:06:46:00 +0000]"},
			{RoleRequest, "GET /a HTTP/1.1"}, {RoleStatus, "200"}, {RoleSize, "5"}, {RoleReferer, "-"}, {RoleAgent, "A/1"}}},
		{format: "auto", line: `192.0.2.1:5678 www.example.org - - [22/Nov/2026:06:46:00 +0000] "GET /a HTTP/1.1" 200 5 17`, want: []field{
			{RoleClient, "192.0.2.1:5678"}, {RoleHost, "www.example.org"}, {RoleIdentity, "-"}, {RoleUser, "-"}, {RoleTime, "[22/Nov/2026:06:46:00 +0000]"},
			{RoleRequest, "GET /a HTTP/1.1"}, {RoleStatus, "200"}, {RoleSize, "5"}, {RoleOther, "17"}}},
		{format: `%v %{X-Real-IP}i %m %U%q %H %D %{X-User}o`, opt: Options{User: "%{X-User}o"}, line: `a 192.0.2.1 GET /a?b HTTP/1.1 17 ann`, want: []field{
			{RoleHost, "a"}, {RoleClient, "192.0.2.1"}, {RoleMethod, "GET"}, {RoleURL, ""}, {RoleURL, "/a?b"}, {RoleProtocol, "HTTP/1.1"}, {RoleDuration, "17"}, {RoleUser, "ann"}}},
		{format: `%h %{X-A}i %u`, opt: Options{Client: "X-A"}, line: `192.0.2.2 192.0.2.1 ann`, want: []field{
			{RoleClient, "192.0.2.2"}, {RoleClient, "192.0.2.1"}, {RoleUser, "ann"}}},
	} {
		p, err := NewWith(test.format, time.UTC, test.opt)
		require.NoError(t, err)
		var l Line
		require.True(t, p.Parse([]byte(test.line), &l), test.line)
		var got []field
		for _, f := range l.Fields {
			got = append(got, field{f.Role, test.line[f.Start:f.End]})
		}
		assert.Equal(t, test.want, got, test.format)
	}
}

// TestWrappedLines: Line has the offset behind the wrapper, and reports a line inside a JSON
// value.
func TestWrappedLines(t *testing.T) {
	p, err := New("combined", time.UTC, nil)
	require.NoError(t, err)
	const line = `192.0.2.1 - - [22/Nov/2026:06:46:00 +0000] "-" 408 - "-" "-"`
	var l Line
	require.True(t, p.Parse([]byte(line), &l))
	assert.Equal(t, 0, l.Start)
	require.True(t, p.Parse([]byte("<134>Nov 22 06:46:00 web httpd[1]: "+line), &l))
	assert.Equal(t, len("<134>Nov 22 06:46:00 web httpd[1]: "), l.Start)
	require.True(t, p.Parse([]byte(`{"log":"192.0.2.1 - - [22/Nov/2026:06:46:00 +0000] \"-\" 408 - \"-\" \"-\"\n"}`), &l))
	assert.True(t, l.Inside)
}

func TestPieces(t *testing.T) {
	pieces, err := Pieces(`%t %{event}e "%U%q" 100%%\t`)
	require.NoError(t, err)
	assert.Equal(t, []Piece{{"", "%t", RoleTime}, {Text: " "}, {"", "%{event}e", RoleOther}, {Text: ` "`}, {"", "%U", RoleURL}, {"", "%q", RoleQuery}, {Text: "\" 100%\t"}}, pieces)
	_, err = Pieces("%h %")
	assert.ErrorContains(t, err, "column 4")
}
