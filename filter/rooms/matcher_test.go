package rooms

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

var longName = strings.Repeat("x", 70000)

// TestMatch: want is "room", "tenant room", or "" for no match.
func TestMatch(t *testing.T) {
	tests := []struct{ preset, target, want string }{
		{"jitsi", "/http-bind?room=team", "team"},
		{"jitsi", "/xmpp-websocket?room=team", "team"},
		{"jitsi", "/conference-request/v1?room=team", "team"},
		{"jitsi", "/_unlock?room=team", "team"},
		{"jitsi", "/acme/http-bind?room=team", "acme team"},
		{"jitsi", "/acme/xmpp-websocket?room=team", "acme team"},
		{"jitsi", "/acme/conference-request/v1?room=team", "acme team"},
		{"jitsi", "/acme/_unlock?room=team", "acme team"},
		{"jitsi", "/acme%2Fsub/_unlock?room=a%2Fb", "acme%2Fsub a%2Fb"},
		{"jitsi", "/xmpp-websocket?token=ab&room=team&previd=12", "team"},
		{"jitsi", "/xmpp-websocket?room=one&room=two", "one"},
		{"jitsi", "/xmpp-websocket?&&room=team", "team"},
		{"jitsi", "/xmpp-websocket?room=a=b", "a=b"},
		{"jitsi", "/xmpp-websocket?room=..", ".."},
		{"jitsi", "/xmpp-websocket?room=a?b", "a?b"},
		{"jitsi", "/xmpp-websocket?room=%zz%", "%zz%"},
		{"jitsi", "/xmpp-websocket?room=" + longName, longName},
		{"jitsi", "/" + longName + "/http-bind?room=r", longName + " r"},
		{"jitsi", "/xmpp-websocket?room=team#part", "team"},
		{"jitsi", "http://meet.example/http-bind?room=team", "team"},
		{"jitsi", "https://meet.example:443/acme/http-bind?room=team", "acme team"},
		{"jitsi", "a:/http-bind?room=team", ""}, // names no host: RFC 9110, section 4.2
		{"jitsi", "wss://meet.example/xmpp-websocket?room=team", "team"},
		{"jitsi", "/xmpp-websocket", ""},
		{"jitsi", "/xmpp-websocket?", ""},
		{"jitsi", "/xmpp-websocket?room", ""},
		{"jitsi", "/xmpp-websocket?room=", ""},
		{"jitsi", "/xmpp-websocket?room=&room=two", ""},
		{"jitsi", "/xmpp-websocket?Room=team", ""},
		{"jitsi", "/xmpp-websocket?bedroom=team", ""},
		{"jitsi", "/xmpp-websocket?rooms=team", ""},
		{"jitsi", "/xmpp-websocket?x=room=team", ""},
		{"jitsi", "/xmpp-websocket?x#room=team", ""},
		{"jitsi", "/xmpp-websocket#?room=team", ""},
		{"jitsi", "/XMPP-Websocket?room=team", ""},
		{"jitsi", "/xmpp-websocket/?room=team", ""},
		{"jitsi", "/a/b/xmpp-websocket?room=team", ""},
		{"jitsi", "//xmpp-websocket?room=team", ""},
		{"jitsi", "/./xmpp-websocket?room=team", ""},
		{"jitsi", "/../xmpp-websocket?room=team", ""},
		{"jitsi", "/xmpp-websocketx?room=team", ""},
		{"jitsi", "/conference-request?room=team", ""},
		{"jitsi", "/conference-request/v2?room=team", ""},
		{"jitsi", "/config.js?room=team", ""},
		{"jitsi", "xmpp-websocket?room=team", ""},
		{"jitsi", "://xmpp-websocket?room=team", ""},
		{"jitsi", "http://meet.example?room=team", ""},
		{"jitsi", "/?url=http://meet.example/http-bind?room=team", ""},
		{"jitsi", "", ""},
		{"jitsi", "-", ""},
		{"jitsi", "*", ""},
		{"jitsi", "?room=team", ""},
		{"jitsi", "#", ""},
		{"jitsi", `\x16\x03\x01`, ""},

		{"jitsi-pages", "/PetersKonferenz", "PetersKonferenz"},
		{"jitsi-pages", "/PetersKonferenz?jwt=ey", "PetersKonferenz"},
		{"jitsi-pages", "/PetersKonferenz#config.startWithAudioMuted=true", "PetersKonferenz"},
		{"jitsi-pages", "/acme/Team", "acme Team"},
		{"jitsi-pages", "https://meet.example/acme/Team", "acme Team"},
		{"jitsi-pages", "/v1.2", "v1.2"},
		{"jitsi-pages", "/Dr.Oppenheimer", "Dr.Oppenheimer"},
		{"jitsi-pages", "/staticroom", "staticroom"},
		{"jitsi-pages", "/Team!Meeting", "Team!Meeting"},
		{"jitsi-pages", "/!$&", ""},
		{"jitsi-pages", "/is-this-a-bug/20/07/room3", ""},
		{"jitsi-pages", "/", ""},
		{"jitsi-pages", "//", ""},
		{"jitsi-pages", "//Team", ""},
		{"jitsi-pages", "/Team/", ""},
		{"jitsi-pages", "/acme/Team/x", ""},
		{"jitsi-pages", "/..", ""},
		{"jitsi-pages", "/../Team", ""},
		{"jitsi-pages", "/acme/..", ""},
		{"jitsi-pages", "/config.js?v=1", ""},
		{"jitsi-pages", "/interface_config.js", ""},
		{"jitsi-pages", "/external_api.js", ""},
		{"jitsi-pages", "/acme/config.js", ""},
		{"jitsi-pages", "/acme/manifest.json", ""},
		{"jitsi-pages", "/libs/app.bundle.min.js", ""},
		{"jitsi-pages", "/static/dialInInfo", ""},
		{"jitsi-pages", "/lang/main", ""},
		{"jitsi-pages", "/.well-known/acme-challenge", ""},
		{"jitsi-pages", "/robots.txt", ""},
		{"jitsi-pages", "/FAVICON.ICO", ""},
		{"jitsi-pages", "/apple-touch-icon.png", ""},
		{"jitsi-pages", "/wp-login.php", ""},
		{"jitsi-pages", "/.env", ""},
		{"jitsi-pages", "/http-bind?room=team", ""},
		{"jitsi-pages", "/acme/xmpp-websocket", ""},
		{"jitsi-pages", "/conference-request/v1", ""},
		{"jitsi-pages", "/colibri-ws/jvb", ""},

		{"greenlight", "/rooms/abc-def-ghi", "abc-def-ghi"},
		{"greenlight", "/rooms/abc-def-ghi/join", "abc-def-ghi"},
		{"greenlight", "/rooms/join", "join"},
		{"greenlight", "/b/abc-def-ghi", "abc-def-ghi"},
		{"greenlight", "/b/abc-def-ghi/login", "abc-def-ghi"},
		{"greenlight", "/b/abc-def-ghi/", "abc-def-ghi"},
		{"greenlight", "/rooms", ""},
		{"greenlight", "/rooms/", ""},
		{"greenlight", "/rooms//join", ""},
		{"greenlight", "/rooms/a/b", ""},
		{"greenlight", "/rooms/a/join/", ""},
		{"greenlight", "/Rooms/a", ""},
		{"greenlight", "/x/rooms/a", ""},
		{"greenlight", "/b/", ""},
		{"greenlight", "/b//x", ""},
		{"greenlight", "/b/../x", ""},
		{"greenlight", "/b/assets/app.js", ""},
		{"greenlight", "/b/favicon.png", ""},
		{"greenlight", "/b/signin", ""},
		{"greenlight", "/b/u/login", ""},

		{"nextcloud-talk", "/call/k3ab9xzz", "k3ab9xzz"},
		{"nextcloud-talk", "/index.php/call/k3ab9xzz", "k3ab9xzz"},
		{"nextcloud-talk", "/call/k3ab9xzz?callUser=1", "k3ab9xzz"},
		{"nextcloud-talk", "/call/k3ab9xzz/", ""},
		{"nextcloud-talk", "/call/", ""},
		{"nextcloud-talk", "/nextcloud/call/k3ab9xzz", "k3ab9xzz"},
		{"nextcloud-talk", "/a/b.c/index.php/call/k3ab9xzz?x=/y", "k3ab9xzz"},
		{"nextcloud-talk", "/ocs/v2.php/apps/spreed/api/v4/call/k3ab9xzz", "k3ab9xzz"},
		{"nextcloud-talk", "/nextcloud/ocs/v2.php/apps/spreed/api/v4/call/k3ab9xzz?format=json", "k3ab9xzz"},
		{"nextcloud-talk", "/ocs/v1.php/apps/spreed/api/v4/call/k3ab9xzz", "k3ab9xzz"},
		{"nextcloud-talk", "/ocs/v2.php/apps/spreed/api/v4/call/k3ab9xzz/ring", ""},
		{"nextcloud-talk", "/ocs/v2.php/apps/spreed/api/v4/room/k3ab9xzz", ""},
		{"nextcloud-talk", "/other.php/call/k3ab9xzz", ""},
		{"nextcloud-talk", "/nextcloudcall/k3ab9xzz", ""},
		{"nextcloud-talk", "/nextcloud/call/", ""},
		{"nextcloud-talk", "/nextcloud/call/..", ""},

		{"bigbluebutton", "/bigbluebutton/api/join?fullName=Jane+Doe&meetingID=Demo&password=PW", "Demo"},
		{"bigbluebutton", "/bigbluebutton/api/join?meetingID=", ""},
		{"bigbluebutton", "/bigbluebutton/api/create?meetingID=Demo", ""},
		{"bigbluebutton", "/bigbluebutton/api/join", ""},

		{"etherpad", "/p/Notes", "Notes"},
		{"etherpad", "/p/Notes?showChat=false", "Notes"},
		{"etherpad", "/p/a%2Fb", "a%2Fb"},
		{"etherpad", "/p/", ""},
		{"etherpad", "/p/Notes/export/txt", ""},

		{"none", "/http-bind?room=team", ""},
	}
	for _, tt := range tests {
		t.Run(tt.preset+" "+tt.target[:min(len(tt.target), 60)], func(t *testing.T) {
			m, err := NewMatcher([]string{tt.preset}, nil)
			require.NoError(t, err)
			assert.Equal(t, tt.want, match(m, tt.target, 200))
		})
	}
}

// match returns what m finds, as in TestMatch.
func match(m *Matcher, target string, status int) string {
	var out Match
	if !m.Match([]byte(target), status, &out) {
		return ""
	}
	if out.Tenant != nil {
		return string(out.Tenant) + " " + string(out.Room)
	}
	return string(out.Room)
}

func TestMatchStatus(t *testing.T) {
	m, err := NewMatcher([]string{"jitsi"}, nil)
	require.NoError(t, err)
	for status, want := range map[int]string{0: "r", 101: "r", 200: "r", 304: "r", 399: "r", 400: "", 404: "", 502: ""} {
		assert.Equal(t, want, match(m, "/http-bind?room=r", status), status)
	}
}

func TestPatterns(t *testing.T) {
	tests := []struct{ pattern, target, want string }{
		{"/call/{room}", "/call/a", "a"},
		{"/call/{room}", "/call/a?x=1", "a"},
		{"/call/{room}", "/call/a/b", ""},
		{"/call/{room}", "/call/", ""},
		{"/call/{room}", "/x/call/a", ""},
		{"/{room}", "/a", "a"},
		{"/{room}/live", "/a/live", "a"},
		{"/{room}/live", "/a/dead", ""},
		{"/{room}/live", "/live", ""},
		{"/talk-{room}.html", "/talk-a.html", "a"},
		{"/talk-{room}.html", "/talk-.html", ""},
		{"/talk-{room}.html", "/talk-html", ""},
		{"/ows?layers={room}", "/ows?service=WMS&layers=roads,rivers", "roads,rivers"},
		{"/ows?layers={room}", "/ows?LAYERS=roads", "roads"},
		{"/ows?LAYERS={room}", "/ows?Service=WMS&Layers=Roads", "Roads"},
		{"/ows?layers={room}", "/ows?layer=roads", ""},
		{"/ows?layers={room}", "/OWS?layers=roads", ""},
		{"/ows?layers={room}", "/ows/?layers=roads", ""},
		{"/ows?layers={room}", "/acme/ows?layers=roads", ""},
	}
	for _, tt := range tests {
		t.Run(tt.pattern+" "+tt.target, func(t *testing.T) {
			m, err := NewMatcher([]string{"none"}, []string{tt.pattern})
			require.NoError(t, err)
			assert.Equal(t, tt.want, match(m, tt.target, 200))
		})
	}
}

func TestSeveralPresets(t *testing.T) {
	m, err := NewMatcher([]string{"jitsi", "etherpad"}, []string{"/call/{room}"})
	require.NoError(t, err)
	var out Match
	for target, keepCase := range map[string]bool{"/a/_unlock?room=R": false, "/p/R": true, "/call/R": false} {
		require.True(t, m.Match([]byte(target), 0, &out), target)
		assert.Equal(t, "R", string(out.Room))
		assert.Equal(t, keepCase, out.KeepCase, target)
		assert.Equal(t, strings.HasPrefix(target, "/a/"), out.Tenant != nil)
	}
	m, err = NewMatcher(nil, nil)
	require.NoError(t, err)
	assert.Empty(t, match(m, "/p/R", 200))
}

func TestWrongPresetsAndPatterns(t *testing.T) {
	const list = "; hint: use jitsi, jitsi-pages, greenlight, bigbluebutton, nextcloud-talk, etherpad, none"
	for presets, want := range map[string]string{
		"zoom":       `unknown room preset "zoom"` + list,
		"":           `unknown room preset ""` + list,
		"Jitsi":      `unknown room preset "Jitsi"` + list,
		"jitsi none": "room preset none excludes all others; hint: give it alone",
		"none jitsi": "room preset none excludes all others; hint: give it alone",
	} {
		_, err := NewMatcher(strings.Split(presets, " "), nil)
		assert.EqualError(t, err, want)
		var typed *PresetError
		assert.ErrorAs(t, err, &typed)
	}

	for _, tt := range []struct {
		pattern string
		column  int
		reason  string
	}{
		{"", 1, "begin with the path's slash, as in /call/{room}"},
		{"call/{room}", 1, "begin with the path's slash, as in /call/{room}"},
		{"/call/", 7, "say where the room is, as in /call/{room}"},
		{"/call/{name}", 7, "the only placeholder is {room}"},
		{"/call/{room", 7, "the only placeholder is {room}"},
		{"/call/room}", 11, "the only placeholder is {room}"},
		{"/call/{room}/{x}", 14, "the only placeholder is {room}"},
		{"/{room}/{room}", 9, "write {room} once"},
		{"/call/*/{room}", 7, "there is no wildcard: the rest of the path is literal"},
		{"/call/{room}#x", 13, "no request target holds this character as such"},
		{"/my call/{room}", 4, "no request target holds this character as such"},
		{"/ü/{room}", 2, "no request target holds this character as such"},
		{"/call/{room}?x=1", 13, "a room in the path goes with any query: end before the question mark"},
		{"/ows?{room}", 6, "{room} is the whole of a value, the last one, as in /ows?layers={room}"},
		{"/ows?layers=x{room}", 14, "{room} is the whole of a value, the last one, as in /ows?layers={room}"},
		{"/ows?layers={room}&x=1", 13, "{room} is the whole of a value, the last one, as in /ows?layers={room}"},
		{"/ows?={room}", 6, "name one parameter, as in /ows?layers={room}"},
		{"/ows?a=1&layers={room}", 7, "name one parameter, as in /ows?layers={room}"},
	} {
		_, err := NewMatcher(nil, []string{"/ok/{room}", tt.pattern})
		var typed *PatternError
		require.ErrorAs(t, err, &typed, tt.pattern)
		assert.Equal(t, PatternError{tt.pattern, tt.column, tt.reason}, *typed)
		assert.EqualError(t, err, fmt.Sprintf("room url pattern %q, column %d: %s", tt.pattern, tt.column, tt.reason))
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	m, err := NewMatcher([]string{"jitsi", "jitsi-pages", "greenlight", "nextcloud-talk", "etherpad"}, []string{"/ows?layers={room}"})
	require.NoError(t, err)
	targets := [][]byte{[]byte("/acme/http-bind?room=team"), []byte("/acme/Team"), []byte("/b/abc/x"), []byte("/a/b/c?room=d")}
	var found []string
	var out Match
	for _, target := range targets {
		assert.Zero(t, testing.AllocsPerRun(100, func() { out = Match{}; m.Match(target, 200, &out) }))
		found = append(found, string(out.Tenant)+" "+string(out.Room))
	}
	assert.Equal(t, []string{"acme team", "acme Team", " abc", " "}, found)
}

// FuzzMatch holds Match against the presets spelled out in plain code.
func FuzzMatch(f *testing.F) {
	seeds := []string{"/acme/xmpp-websocket?x=1&room=a%20b", "https://h/PetersKonferenz#x", "/rooms/a/join", "/b/a/b/c", "/index.php/call/a", "/p/A"}
	paths, err := filepath.Glob("../../testdata/*/*.log")
	require.NoError(f, err)
	require.NotEmpty(f, paths)
	for _, path := range paths {
		log, err := os.ReadFile(path)
		require.NoError(f, err)
		for line := range bytes.Lines(log[:min(len(log), 50000)]) {
			if fields := strings.Fields(string(line)); len(fields) > 6 {
				seeds = append(seeds, fields[6])
			}
		}
	}
	for _, s := range seeds {
		f.Add(s)
	}
	matchers := map[string]*Matcher{}
	for _, preset := range presetNames {
		m, err := NewMatcher([]string{preset}, nil)
		require.NoError(f, err)
		matchers[preset] = m
	}
	f.Fuzz(func(t *testing.T, target string) {
		for preset, m := range matchers {
			require.Equal(t, reference(preset, target), match(m, target, 200), preset)
		}
	})
}

func reference(preset, target string) string {
	target, _, _ = strings.Cut(target, "#")
	path, query, _ := strings.Cut(target, "?")
	if !strings.HasPrefix(path, "/") {
		scheme, rest, _ := strings.Cut(path, "://")
		if scheme == "" || len(scheme) > 5 || !strings.Contains(rest, "/") {
			return ""
		}
		path = rest[strings.Index(rest, "/"):]
	}
	segs := strings.Split(path[1:], "/")
	last := segs[len(segs)-1]
	dots := func(s string) bool { return s == "." || s == ".." }
	switch preset {
	case "jitsi":
		var tenant string
		if !isEndpoint(segs) {
			if tenant = segs[0] + " "; tenant == " " || dots(segs[0]) || !isEndpoint(segs[1:]) {
				return ""
			}
		}
		for arg := range strings.SplitSeq(query, "&") {
			if room, ok := strings.CutPrefix(arg, "room="); ok {
				if room == "" {
					return ""
				}
				return tenant + room
			}
		}
	case "jitsi-pages":
		if len(segs) > 2 {
			return ""
		}
		for _, s := range segs {
			if _, ok := jitsiReserved[s]; ok || s == "" || dots(s) || isFile([]byte(s)) {
				return ""
			}
		}
		if strings.Trim(last, jitsiStripped) == "" {
			return ""
		}
		return strings.Join(segs, " ")
	case "greenlight":
		if len(segs) < 2 || segs[1] == "" || dots(segs[1]) {
			return ""
		}
		_, taken := greenlightReserved[segs[1]]
		switch {
		case segs[0] == "b" && !taken && !isFile([]byte(segs[1])):
			return segs[1]
		case segs[0] == "rooms" && (len(segs) == 2 || len(segs) == 3 && last == "join"):
			return segs[1]
		}
	case "nextcloud-talk":
		head := strings.TrimSuffix(path, last)
		for _, page := range []string{"/call/", "/index.php/call/", "/ocs/v2.php/apps/spreed/api/v4/call/", "/ocs/v1.php/apps/spreed/api/v4/call/"} {
			if below, ok := strings.CutSuffix(head, page); ok && !strings.Contains(below, ".php") && !dots(last) {
				return last
			}
		}
	case "etherpad":
		if len(segs) == 2 && segs[0] == "p" && !dots(last) {
			return last
		}
	}
	return ""
}

// FuzzRoomURL holds a pattern of the operator's, and the hash of the room that it
// finds, against package net/url, wherever that takes the target and keeps its
// bytes.
func FuzzRoomURL(f *testing.F) {
	for pattern, targets := range map[string][]string{
		"/call/{room}":        {"/call/a", "/call/B%25c3%2584r?x=1#y", "https://h:443/call/a%2Fb", "a:/call/0", "/call/%EF%AC%83+"},
		"/talk-{room}.html":   {"/talk-a.html", "/talk-.html"},
		"/{room}/live":        {"/a/live", "/../live", "/a/b/live"},
		"/ows?layers={room}":  {"/ows?service=WMS&layers=Roads,rivers", "/ows?layers=&layers=a", "/ows"},
		"/ows?a%20b={room}":   {"/ows?a%20b=1", "/ows?a b=1", "/ows?a%20B=1"},
		"/ows?layers={room}x": {"/ows?layers=ax"},
	} {
		for _, target := range targets {
			f.Add(pattern, target)
		}
	}
	f.Add("/call/{room}", "/call/%c3"+strings.Repeat("a", 300))
	f.Fuzz(func(t *testing.T, pattern, target string) {
		m, err := NewMatcher(nil, []string{pattern})
		if err != nil {
			var typed *PatternError
			require.ErrorAs(t, err, &typed)
			require.GreaterOrEqual(t, typed.Column, 1)
			require.LessOrEqual(t, typed.Column, len(pattern)+1)
			return
		}
		var out Match
		found := m.Match([]byte(target), 200, &out)
		u, err := url.Parse(target)
		if err != nil || u.String() != target || u.Opaque != "" || u.Path == "" || len(u.Scheme) > 5 ||
			!strings.HasPrefix(target, "/") && !strings.HasPrefix(target, u.Scheme+"://") { // a:/call/b names no host
			return
		}
		path := u.EscapedPath()
		if u.Scheme == "" {
			path, _, _ = strings.Cut(target, "?") // with two slashes it names a host to net/url
			path, _, _ = strings.Cut(path, "#")
		}
		room := ""
		wantPath, wantQuery, inQuery := strings.Cut(pattern, "?")
		if inQuery {
			param := strings.TrimSuffix(wantQuery, placeholder)
			for arg := range strings.SplitSeq(u.RawQuery, "&") {
				if n := len(param); len(arg) >= n && strings.EqualFold(arg[:n], param) && path == wantPath {
					room = arg[n:]
					break
				}
			}
		} else {
			before, after, _ := strings.Cut(pattern, placeholder)
			if rest, ok := strings.CutPrefix(path, before); ok {
				if v, ok := strings.CutSuffix(rest, after); ok && !strings.Contains(v, "/") && v != "." && v != ".." {
					room = v
				}
			}
		}
		require.Equal(t, room != "", found, "%s in %q", pattern, target)
		if !found {
			return
		}
		require.Equal(t, room, string(out.Room))
		for range 3 {
			if room, err = url.PathUnescape(room); err != nil {
				return // what is no escape stays, see FuzzName
			}
		}
		sum := *NewHasher(nil).Sum(&out)
		if sum == TooLong {
			require.Greater(t, len(norm.NFKD.String(room)), maxDecomposed, "%q", room)
			return
		}
		room = cases.Lower(language.Und).String(norm.NFKC.String(room))
		require.Equal(t, sha1.Sum([]byte(room)), sum)
	})
}

func isEndpoint(segs []string) bool {
	return slices.Contains([]string{"http-bind", "xmpp-websocket", "conference-request/v1", "_unlock"}, strings.Join(segs, "/"))
}

// go test ./filter/rooms -run '^$' -bench Match
func BenchmarkMatch(b *testing.B) {
	for _, bm := range []struct{ presets, kind, target, want string }{
		{"jitsi", "asset", "/libs/lib-jitsi-meet.min.js", ""},
		{"jitsi", "query", "/libs/app.bundle.min.js?v=7882", ""},
		{"jitsi", "room", "/xmpp-websocket?room=peterskonferenz", "peterskonferenz"},
		{"jitsi", "tenant", "/acme/http-bind?room=peterskonferenz", "acme peterskonferenz"},
		{"jitsi,jitsi-pages", "asset", "/libs/lib-jitsi-meet.min.js", ""},
	} {
		b.Run(fmt.Sprintf("rooms=%s/target=%s", bm.presets, bm.kind), func(b *testing.B) {
			m, err := NewMatcher(strings.Split(bm.presets, ","), nil)
			require.NoError(b, err)
			require.Equal(b, bm.want, match(m, bm.target, 200))
			target := []byte(bm.target)
			var out Match
			b.SetBytes(int64(len(target)))
			b.ReportAllocs()
			for b.Loop() {
				m.Match(target, 200, &out)
			}
		})
	}
}
