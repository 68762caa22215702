package format

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// use is what a JSON value means for its line, apart from its Kind.
type use uint8

const (
	useNone use = iota
	useClient
	useTarget
	useQuery
	useStatus
	useTime
	useLine // a server's whole line, inside a log service's
	useText // such a line, or any other text
)

// key is the meaning of a JSON key. Of several keys with one use, the lowest rank counts for the
// line, and of equal ranks the first.
type key struct {
	kind Kind
	use  use
	rank uint8
}

// Ranks of useClient. A header, which a client can forge, ranks behind what the server knows. A
// server that was told which proxies to trust logs the result as client_ip (Caddy:
// request.client_ip).
const (
	rankUser = iota
	rankHost
	rankClient
	rankRemote
	rankHeader
	rankList
)

// rankPrefixed is added to the rank of a key that begins with http_ and is not a client's.
const rankPrefixed = 20

// jsonKeys are the keys of published Apache and nginx formats, of Caddy, Traefik and Envoy, and
// of the wrappers of Docker and Filebeat, in the spelling of appendKeyName.
var jsonKeys = map[string]key{
	"client":                {Client, useClient, rankClient},
	"clientip":              {Client, useClient, rankClient},
	"clientaddr":            {Client, useClient, rankClient},
	"clientaddress":         {Client, useClient, rankClient},
	"clienthost":            {ClientList, useClient, rankHost}, // Traefik's, whose ClientAddr may be a proxy
	"remote":                {Client, useClient, rankRemote},
	"remoteip":              {Client, useClient, rankRemote},
	"remoteaddr":            {Client, useClient, rankRemote},
	"remoteaddress":         {Client, useClient, rankRemote},
	"remotehost":            {Client, useClient, rankRemote},
	"ip":                    {Client, useClient, rankRemote},
	"sourceip":              {Client, useClient, rankRemote},
	"sourceaddress":         {Client, useClient, rankRemote},
	"srcip":                 {Client, useClient, rankRemote},
	"srcaddr":               {Client, useClient, rankRemote},
	"peer":                  {Client, useClient, rankRemote},
	"peerip":                {Client, useClient, rankRemote},
	"peeraddr":              {Client, useClient, rankRemote},
	"rhost":                 {Client, useClient, rankRemote},
	"ipaddress":             {Client, useClient, rankRemote},
	"addr":                  {Client, useClient, rankRemote},
	"xrealip":               {Client, useClient, rankHeader},
	"cfconnectingip":        {Client, useClient, rankHeader},
	"trueclientip":          {Client, useClient, rankHeader},
	"xclientip":             {Client, useClient, rankHeader},
	"fastlyclientip":        {Client, useClient, rankHeader},
	"flyclientip":           {Client, useClient, rankHeader},
	"xclusterclientip":      {Client, useClient, rankHeader},
	"xoriginalforwardedfor": {ClientList, useClient, rankList},
	"xforwardedfor":         {ClientList, useClient, rankList},
	"forwardedfor":          {ClientList, useClient, rankList},
	"xff":                   {ClientList, useClient, rankList},
	"forwarded":             {Forwarded, useNone, 0},
	// Envoy's.
	"downstreamremoteaddress":       {Client, useClient, rankClient},
	"downstreamdirectremoteaddress": {Client, useClient, rankRemote},
	// Request headers in Traefik's lines.
	"requestxforwardedfor": {ClientList, useClient, rankList},
	"requestxrealip":       {Client, useClient, rankHeader},
	"requestuseragent":     {UserAgent, useNone, 0},
	"requestreferer":       {URL, useNone, 0},

	"request":     {Request, useTarget, 1},
	"requestline": {Request, useTarget, 1},
	"requesturi":  {Request, useTarget, 1},
	"uri":         {Request, useTarget, 2},
	"url":         {Request, useTarget, 2},
	"target":      {Request, useTarget, 2},
	"path":        {Request, useTarget, 3},
	"requestpath": {Request, useTarget, 3},
	"urloriginal": {Request, useTarget, 2},
	"query":       {URL, useQuery, 1},
	"querystring": {URL, useQuery, 1},
	"args":        {URL, useQuery, 1},

	"referer":  {URL, useNone, 0},
	"referrer": {URL, useNone, 0},
	"location": {URL, useNone, 0},
	"message":  {URL, useLine, 0},
	"log":      {URL, useLine, 0},
	// Keys under which GELF, Splunk, Loki, the Elastic Common Schema and others put a line.
	"msg":          {URL, useText, 0},
	"shortmessage": {URL, useText, 0},
	"fullmessage":  {URL, useText, 0},
	"line":         {URL, useText, 0},
	"event":        {URL, useText, 0},
	"original":     {URL, useText, 0},
	"raw":          {URL, useText, 0},
	// A request's URL before a rewrite, and where a response redirects to.
	"contentlocation":     {URL, useNone, 0},
	"destination":         {URL, useNone, 0},
	"xoriginaluri":        {URL, useNone, 0},
	"xoriginalurl":        {URL, useNone, 0},
	"xrewriteurl":         {URL, useNone, 0},
	"xforwardeduri":       {URL, useNone, 0},
	"redirecturl":         {URL, useNone, 0},
	"redirectquerystring": {URL, useNone, 0},

	"useragent": {UserAgent, useNone, 0},
	"agent":     {UserAgent, useNone, 0},

	"status":       {Text, useStatus, 1},
	"statuscode":   {Text, useStatus, 1},
	"responsecode": {Text, useStatus, 2},
	"response":     {Text, useStatus, 2},
	"code":         {Text, useStatus, 3},
	// Traefik's: the status that the client got, and the one from the server behind Traefik.
	"downstreamstatus": {Text, useStatus, 1},
	"originstatus":     {Text, useStatus, 3},

	"time":        {Text, useTime, 1},
	"ts":          {Text, useTime, 1},
	"timestamp":   {Text, useTime, 1},
	"timelocal":   {Text, useTime, 1},
	"timeiso8601": {Text, useTime, 1},
	"datetime":    {Text, useTime, 1},
	"date":        {Text, useTime, 2}, // also a header of that name
	"msec":        {Text, useTime, 1},
	"starttime":   {Text, useTime, 1},
	"startlocal":  {Text, useTime, 2},
	"startutc":    {Text, useTime, 2},
}

// JSONKeyError reports why an entry of Options.JSONKeys is invalid.
type JSONKeyError struct {
	Entry  string
	Reason string
}

func (e *JSONKeyError) Error() string { return fmt.Sprintf("json key %q: %s", e.Entry, e.Reason) }

// withUserKeys returns jsonKeys plus entries such as "client=srcaddr".
func withUserKeys(entries []string) (map[string]key, error) {
	all := maps.Clone(jsonKeys)
	for _, e := range entries {
		role, name, _ := strings.Cut(e, "=")
		b, _ := appendKeyName(nil, []byte(name))
		if len(b) == 0 {
			return nil, &JSONKeyError{e, "want ROLE=KEY, ROLE being client, request, status or time"}
		}
		var k key
		switch role {
		case "client":
			k = key{Client, useClient, rankUser}
			// A header known to hold a list still does.
			if old := all[string(b)]; old.kind == ClientList {
				k.kind = ClientList
			}
		case "request":
			k = key{Request, useTarget, rankUser}
		case "status":
			k = key{Text, useStatus, rankUser}
		case "time":
			k = key{Text, useTime, rankUser}
		default:
			return nil, &JSONKeyError{e, fmt.Sprintf("no role %q: want client, request, status or time", role)}
		}
		all[string(b)] = k
	}
	return all, nil
}

// appendKeyName appends name in the spelling of jsonKeys: lower case, without _, - and .,
// without Logstash's leading @, and without the http_ that nginx puts before request headers.
// header reports that http_.
func appendKeyName(dst, name []byte) (_ []byte, header bool) {
	if len(name) > 0 && name[0] == '@' {
		name = name[1:]
	}
	if len(name) > 5 && strings.EqualFold(string(name[:4]), "http") && isKeySeparator(name[4]) {
		name, header = name[5:], true
	}
	for _, c := range name {
		switch {
		case isKeySeparator(c):
		case c >= 'A' && c <= 'Z':
			dst = append(dst, c+'a'-'A')
		default:
			dst = append(dst, c)
		}
	}
	return dst, header
}

// lookUp returns the meaning of a key in the spelling of jsonKeys. In an object that is a client,
// the keys of hosts are the client's.
func lookUp(keys map[string]key, name []byte, ofClient bool) key {
	k, known := keys[string(name)]
	switch {
	case known:
	case ofClient && isHostKey(name):
		k = key{Client, useClient, rankRemote}
	default:
		k.kind = kindOf(keys, name)
	}
	return k
}

// kindOf returns the kind of a key in the spelling of jsonKeys. A key that only ends in a name
// of clients gets their kind but no use: in {"tremote_ip", two lines were written into each
// other.
func kindOf(keys map[string]key, name []byte) Kind {
	if k, ok := keys[string(name)]; ok {
		return k.kind
	}
	if len(name) > minKeyEnd {
		for _, end := range keyEnds[name[len(name)-1]] {
			if bytes.HasSuffix(name, end.name) {
				return end.kind
			}
		}
	}
	return Text
}

// minKeyEnd is the shortest name that identifies a key by its end, in bytes: not ip, as in zip.
const minKeyEnd = len("client")

// keyEnds holds those names by their last byte, without names that end in another one.
var keyEnds = func() (ends [256][]keyEnd) {
	for name, k := range jsonKeys {
		longer := func(end string) bool {
			return len(end) >= minKeyEnd && len(end) < len(name) && strings.HasSuffix(name, end) && isClient(jsonKeys[end].kind)
		}
		if last := name[len(name)-1]; len(name) >= minKeyEnd && isClient(k.kind) && !slices.ContainsFunc(slices.Collect(maps.Keys(jsonKeys)), longer) {
			ends[last] = append(ends[last], keyEnd{[]byte(name), k.kind})
		}
	}
	return ends
}()

type keyEnd struct {
	name []byte
	kind Kind
}

func isKeySeparator(c byte) bool { return c == '_' || c == '-' || c == '.' }

// ClientKeys are the keys of JSON lines whose values are clients. The guard of malformed lines
// looks for them.
type ClientKeys struct {
	keys map[string]key
	ends [256]bool
}

// ClientKeysOf returns the keys that p knows, or else the built-in ones.
func ClientKeysOf(p Parser) ClientKeys {
	c := ClientKeys{keys: jsonKeys}
	switch w := p.(type) {
	case *Auto:
		p = w.json
	case *wrapped:
		p = w.json
	}
	if j, ok := p.(*jsonParser); ok {
		c.keys = j.keys
	}
	for b := range 256 {
		c.ends[b] = isKeySeparator(byte(b))
	}
	for _, keys := range [...]map[string]key{jsonKeys, c.keys} {
		for name, k := range keys {
			if last := name[len(name)-1]; isClient(k.kind) || k.kind == Forwarded {
				c.ends[last] = true
				if 'a' <= last && last <= 'z' {
					c.ends[last-'a'+'A'] = true
				}
			}
		}
	}
	return c
}

// MayEnd reports whether a key of p, or a built-in one, can end in byte last.
func (c *ClientKeys) MayEnd(last byte) bool { return c.ends[last] }

// Has reports whether the values of a key are clients, and whether they are comma-separated
// lists.
func (c *ClientKeys) Has(name []byte) (client, list bool) {
	var buf [64]byte
	if len(name) > len(buf) {
		return false, false
	}
	b, _ := appendKeyName(buf[:0], name)
	k := kindOf(c.keys, b)
	return isClient(k) || k == Forwarded, k == ClientList || k == Forwarded
}
