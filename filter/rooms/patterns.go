package rooms

import (
	"fmt"
	"strings"
)

// pattern is one form of target that names a room: in the path, between prefix and suffix,
// or as the value of a query parameter of the path prefix.
type pattern struct {
	prefix, suffix string
	param          string // query parameter, "" if the room is in the path
	tenant         bool   // one segment may precede
	moreSegments   bool   // more segments may follow the room
	anyFolder      bool   // folders may precede; only for a room at the end of the path
	anyCase        bool   // of the query parameter's name
	keepCase       bool
	drop           bool                // see Match
	reserved       map[string]struct{} // the application's own names, which are no rooms, nor are files; nil: every name is a room
}

const none = "none"

var presetNames = []string{"jitsi", "jitsi-pages", "greenlight", "bigbluebutton", "nextcloud-talk", "etherpad", none}

var presetPatterns = map[string][]pattern{
	// What lib-jitsi-meet requests in a conference, with the room: BOSH, websocket, the
	// request to the focus, and the keep-alive of the websocket.
	"jitsi": {
		{prefix: "/xmpp-websocket", param: "room", tenant: true},
		{prefix: "/http-bind", param: "room", tenant: true},
		{prefix: "/conference-request/v1", param: "room", tenant: true},
		{prefix: "/_unlock", param: "room", tenant: true},
	},
	"jitsi-pages": {
		{prefix: "/", tenant: true, drop: true, reserved: jitsiReserved},
	},
	// Version 3 has /rooms, version 2 lives under /b with its other pages.
	"greenlight": {
		{prefix: "/rooms/"},
		{prefix: "/rooms/", suffix: "/join"},
		{prefix: "/b/", moreSegments: true, reserved: greenlightReserved},
	},
	// BigBlueButton's API, which distinguishes Demo and demo.
	"bigbluebutton": {
		{prefix: "/bigbluebutton/api/join", param: "meetingID", keepCase: true},
	},
	// The page of a call, and what its client requests to join it.
	"nextcloud-talk": {
		{prefix: "/call/", anyFolder: true},
		{prefix: "/index.php/call/", anyFolder: true},
		{prefix: "/ocs/v2.php/apps/spreed/api/v4/call/", anyFolder: true},
		{prefix: "/ocs/v1.php/apps/spreed/api/v4/call/", anyFolder: true},
	},
	// Etherpad distinguishes Pad and pad.
	"etherpad": {
		{prefix: "/p/", keepCase: true},
	},
	none: {},
}

// jitsiReserved are the first and last path segments that jitsi-meet's and
// docker-jitsi-meet's web server configurations serve themselves; files such as
// config.js are known by their extension.
var jitsiReserved = set(`.well-known _api _load-test _unlock colibri-relay-ws
	colibri-ws conference-request connection_optimization css etherpad fonts
	http-bind images lang libs load-test rtc-visualizer rtcstats-ws socket.io
	sounds static transcripts xmpp-websocket`)

// greenlightReserved are the routes of Greenlight 2 next to its
// rooms (config/routes.rb).
var greenlightReserved = set(`401 404 500 account_activations admins assets auth
	cable health_check ldap_signin password_resets rails room rooms signin
	signup terms themes u users`)

// jitsiStripped are the characters that jitsi-meet's client removes from each part of a path
// before decoding it (react/features/base/util/uri.ts).
const jitsiStripped = `:?#[]@!$&'()*+,;=></"`

func set(words string) map[string]struct{} {
	s := map[string]struct{}{}
	for _, w := range strings.Fields(words) {
		s[w] = struct{}{}
	}
	return s
}

// PresetError reports an unknown preset, or "none" together with others.
type PresetError struct{ Preset string }

func (e *PresetError) Error() string {
	if e.Preset == none {
		return "room preset none excludes all others; hint: give it alone"
	}
	return fmt.Sprintf("unknown room preset %q; hint: use %s", e.Preset, Presets())
}

// PatternError reports a room URL pattern that cannot be used.
type PatternError struct {
	Pattern string
	Column  int // of the first wrong byte, from 1
	Reason  string
}

func (e *PatternError) Error() string {
	return fmt.Sprintf("room url pattern %q, column %d: %s", e.Pattern, e.Column, e.Reason)
}

const placeholder = "{room}"

// parsePattern parses a pattern of the operator: a path, literal except for one {room}
// within a segment, or a path and one parameter whose value is {room}.
func parsePattern(text string) (pattern, error) {
	fail := func(i int, reason string) (pattern, error) {
		return pattern{}, &PatternError{Pattern: text, Column: i + 1, Reason: reason}
	}
	if !strings.HasPrefix(text, "/") {
		return fail(0, "begin with the path's slash, as in /call/{room}")
	}
	at := strings.Index(text, placeholder)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case i == at:
			i += len(placeholder) - 1
		case c == '{' && strings.HasPrefix(text[i:], placeholder):
			return fail(i, "write {room} once")
		case c == '{' || c == '}':
			return fail(i, "the only placeholder is {room}")
		case c == '*':
			return fail(i, "there is no wildcard: the rest of the path is literal")
		case c == '#' || c <= ' ' || c >= 0x7f:
			return fail(i, "no request target holds this character as such")
		}
	}
	if at < 0 {
		return fail(len(text), "say where the room is, as in /call/{room}")
	}
	query := strings.IndexByte(text, '?')
	if query < 0 {
		return pattern{prefix: text[:at], suffix: text[at+len(placeholder):]}, nil
	}
	if at < query {
		return fail(query, "a room in the path goes with any query: end before the question mark")
	}
	if end := at + len(placeholder); text[at-1] != '=' || end < len(text) {
		return fail(at, "{room} is the whole of a value, the last one, as in /ows?layers={room}")
	}
	param := text[query+1 : at-1]
	if i := strings.IndexAny(param, "&=?"); i >= 0 || param == "" {
		return fail(query+1+max(i, 0), "name one parameter, as in /ows?layers={room}")
	}
	return pattern{prefix: text[:query], param: param, anyCase: true}, nil
}
