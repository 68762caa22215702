package claims_test

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/claims"
	"hushpipe/format/policy"
	"hushpipe/format/statement"
)

// change is a policy before and after a key changes: edit is "a => b", and replaces EDIT in
// base.
type change struct{ base, edit string }

func (c change) policies() (before, after string) {
	from, to, _ := strings.Cut(c.edit, "=> ")
	return strings.ReplaceAll(c.base, "EDIT", from), strings.ReplaceAll(c.base, "EDIT", to)
}

const (
	aStream = "\n[[stream]]\nname = \"a\"\npurpose = \"p\"\n"
	// Bases for keys of the file, of a stream, of its figures and so on.
	ofFile    = "EDIT" + aStream + "keep = \"1d\"\n"
	ofStream  = aStream + "keep = \"14d\"\nEDIT\n"
	ofKeep    = "workdays = \"de-BE\"\n" + aStream + "keep = EDIT\n"
	ofTraffic = aStream + "keep = \"1d\"\ntraffic = true\nEDIT\n"
	ofFigures = aStream + "keep = \"none\"\nEDIT\n"
	ofGate    = aStream + "keep = \"1d\"\ngate = { EDIT }\n[[stream]]\nname = \"b\"\npurpose = \"p\"\nkeep = \"1d\"\ngate = { longest = \"1d\" }\n"
	ofActive  = aStream + "keep = \"1d\"\ngate = { longest = \"90d\" }\nactive = { from = 2026-01-02, until = 2026-01-09, reason = \"x\" }\n"
	ofEvent   = "[[event]]\nname = \"e\"\nEDIT\n" + aStream + "keep = \"1d\"\nwhere = { event = \"e\" }\n"
	ofWhere   = "events = \"http\"\n" + aStream + "keep = \"1d\"\nwhere = { EDIT }\n"
	ofUnless  = "events = \"http\"\n" + aStream + "keep = \"1d\"\nunless = { EDIT }\n"
	ofHashed  = "format = '%h %t %{x}C'\n" + aStream + "keep = \"1d\"\nfields = { EDIT }\n"
)

// changes has a change for each key of a policy, by the path of its value in policy.Policy.
var changes = map[string]change{
	"Format":         {ofFile, "format = 'combined' => format = 'common'"},
	"Client":         {ofFile, "=> client = 'X-Forwarded-For'"},
	"TrustedProxies": {ofFile, "client = 'X-Forwarded-For'\ntrusted-proxies = '10.0.0.0/8' => client = 'X-Forwarded-For'\ntrusted-proxies = '10.0.0.0/9'"},
	"JSONKeys":       {ofFile, "format = 'json'\n => format = 'json'\njson-keys = 'client=ip'"},
	"Redact":         {ofFile, "=> redact = 'q'"},
	"UserField":      {ofFile, "format = '%h %{a}o %{b}o'\nuser-field = '%{a}o' => format = '%h %{a}o %{b}o'\nuser-field = '%{b}o'"},
	"Sets":           {"events = EDIT" + aStream + "keep = \"1d\"\nwhere = { event = \"*\" }\n", "'drupal' => 'wordpress'"},
	"Workdays":       {"workdays = EDIT" + aStream + "keep = \"24h of workdays\"\n", "'de-BE' => 'de-BY'"},
	"Holidays":       {"workdays = 'de-BE'\nEDIT" + aStream + "keep = \"24h of workdays\"\n", "=> holidays = [2025-05-08]"},

	"Notice.Controller": {"[notice]\nEDIT" + aStream + "keep = \"1d\"\n", "=> controller = 'x'"},
	"Notice.Contact":    {"[notice]\nEDIT" + aStream + "keep = \"1d\"\n", "=> contact = 'x'"},
	"Notice.Officer":    {"[notice]\nEDIT" + aStream + "keep = \"1d\"\n", "=> officer = 'x'"},
	"Notice.Authority":  {"[notice]\nEDIT" + aStream + "keep = \"1d\"\n", "=> authority = 'x'"},
	"Notice.Place":      {"[notice]\nEDIT" + aStream + "keep = \"1d\"\n", "=> place = 'x'"},
	"Notice.Transfer":   {"[notice]\nEDIT" + aStream + "keep = \"1d\"\n", "=> transfer = 'x'"},
	"Notice.More":       {"[notice]\nEDIT" + aStream + "keep = \"1d\"\n", "=> more = 'x'"},

	"Own.Name":              {"[[event]]\nEDIT\nmethod = 'POST'\n" + aStream + "keep = '1d'\nwhere = { event = '*' }\n", "name = 'a' => name = 'b'"},
	"Own.Title":             {ofEvent, "method = 'POST' => method = 'POST'\ntitle = 'a form'"},
	"Own.Condition.Status":  {ofEvent, "status = 404 => status = 405"},
	"Own.Condition.Methods": {ofEvent, "method = 'POST' => method = 'PUT'"},
	"Own.Condition.URLs":    {ofEvent, "url = '/a' => url = '/b'"},
	"Own.Condition.Queries": {ofEvent, "query = 'a' => query = 'a=1'"},
	"Own.Condition.Hosts":   {ofEvent, "host = 'a' => host = 'b'"},
	"Own.Condition.Users":   {ofEvent, "user = '*' => user = 'a'"},
	"Own.Condition.Clients": {ofEvent, "client = '10.0.0.0/8' => client = '10.0.0.0/9'"},

	"Streams.Name":           {"[[stream]]\nname = EDIT\npurpose = 'p'\nkeep = '1d'\n", "'a' => 'b'"},
	"Streams.Purpose":        {"[[stream]]\nname = 'a'\npurpose = EDIT\nkeep = '1d'\n", "'a' => 'b'"},
	"Streams.Basis":          {ofStream, "basis = 'GDPR 6(1)(e)' => basis = 'GDPR 6(1)(f)'"},
	"Streams.Where.Status":   {ofWhere, "status = '404' => status = '404-405'"},
	"Streams.Where.Methods":  {ofWhere, "method = 'POST' => method = ['POST', 'PUT']"},
	"Streams.Where.URLs":     {ofWhere, "url = '/a' => url = '/a*'"},
	"Streams.Where.Queries":  {ofWhere, "query = 'a' => query = 'b'"},
	"Streams.Where.Hosts":    {ofWhere, "host = 'a' => host = 'b'"},
	"Streams.Where.Users":    {ofWhere, "user = '*' => user = 'a'"},
	"Streams.Where.Clients":  {ofWhere, "client = '10.0.0.0/8' => client = '10.0.0.1'"},
	"Streams.Where.Events":   {ofWhere, "event = 'denied' => event = 'error'"},
	"Streams.Unless.Status":  {ofUnless, "status = '404' => status = '404-405'"},
	"Streams.Unless.Methods": {ofUnless, "method = 'POST' => method = ['POST', 'PUT']"},
	"Streams.Unless.URLs":    {ofUnless, "url = '/a' => url = '/a*'"},
	"Streams.Unless.Queries": {ofUnless, "query = 'a' => query = 'b'"},
	"Streams.Unless.Hosts":   {ofUnless, "host = 'a' => host = 'b'"},
	"Streams.Unless.Users":   {ofUnless, "user = '*' => user = 'a'"},
	"Streams.Unless.Clients": {ofUnless, "client = '10.0.0.0/8' => client = '10.0.0.1'"},
	"Streams.Unless.Events":  {ofUnless, "event = 'denied' => event = 'error'"},

	"Streams.Fields.Name":             {ofHashed, "client = 'keep', time = 'keep' => time = 'keep'"},
	"Streams.Fields.Other":            {ofHashed, "time = 'keep' => time = 'keep', other = { '%{x}C' = 'keep' }"},
	"Streams.Fields.Treatment.Kind":   {ofHashed, "other = { '%{x}C' = 'keep' } => other = { '%{x}C' = 'hash' }"},
	"Streams.Fields.Treatment.N":      {ofHashed, "other = { '%{x}C' = 'words=2' } => other = { '%{x}C' = 'words=3' }"},
	"Streams.Fields.Treatment.Bits4":  {ofHashed, "client = 'mask=24/48' => client = 'mask=20/48'"},
	"Streams.Fields.Treatment.Bits6":  {ofHashed, "client = 'mask=24/48' => client = 'mask=24/44'"},
	"Streams.Fields.Treatment.Nets":   {ofHashed, "client = 'only=10.0.0.0/8' => client = 'only=10.0.0.0/9'"},
	"Streams.Fields.Treatment.Params": {ofStream, "fields = { url = 'only=a' } => fields = { url = 'only=a,b' }"},
	"Streams.Format":                  {ofStream, "fields = { time = 'keep', status = 'keep' }\nformat = '%t %s' => fields = { time = 'keep', status = 'keep' }\nformat = '%s %t'"},
	"Streams.Keep.Kind":               {ofKeep, "'24h of workdays' => '24d'"},
	"Streams.Keep.N":                  {ofKeep, "'10000 entries' => '20000 entries'"},
	"Streams.Settled":                 {aStream + "keep = '90d after settling, 400d'\nEDIT\n", "=> settled = [2026-07-31]"},

	"Streams.Group": {ofStream, "fields = { client = 'mask', user = 'words=2' }\ngroup = 'user'\nleast = 7 => fields = { client = 'mask', user = 'words=2' }\ngroup = ['client', 'user']\nleast = 7"},
	"Streams.Least": {ofStream, "group = 'user'\nleast = 7\nfields = { user = 'words=2' } => group = 'user'\nleast = 8\nfields = { user = 'words=2' }"},

	"Streams.Gate.Announce":      {ofGate, "longest = '1d' => longest = '1d', announce = '14d'"},
	"Streams.Gate.Longest":       {ofGate, "longest = '1d' => longest = '2d'"},
	"Streams.Gate.After":         {ofGate, "longest = '1d' => longest = '1d', after = 'b'"},
	"Streams.Gate.Names":         {ofGate, "longest = '1d' => longest = '1d', names = 'user'"},
	"Streams.Active.Announced":   {strings.Replace(ofActive, "until", "announced = EDIT, until", 1), "2025-12-01 => 2025-12-02"},
	"Streams.Active.IsAnnounced": {strings.Replace(ofActive, "until", "EDIT until", 1), "=> announced = 2025-12-01,"},
	"Streams.Active.From":        {strings.Replace(ofActive, "2026-01-02", "EDIT", 1), "2026-01-02 => 2026-01-03"},
	"Streams.Active.Until":       {strings.Replace(ofActive, "2026-01-09", "EDIT", 1), "2026-01-09 => 2026-01-08"},

	"Streams.Linked":     {ofStream + "[[stream]]\nname = 'b'\npurpose = 'p'\nkeep = '1d'\n", "=> linked = 'b'"},
	"Streams.Reveal":     {ofStream, "=> reveal = 'x'"},
	"Streams.Access":     {ofStream, "=> access = 'x'"},
	"Streams.Recipients": {ofStream, "=> recipients = 'x'"},

	"Streams.Figures.Rooms":                        {ofFigures, "rooms = 'jitsi' => rooms = 'greenlight'"},
	"Streams.Figures.RoomURLs":                     {ofFigures, "room-url = '/call/{room}' => room-url = '/meet/{room}'"},
	"Streams.Figures.RoomHash":                     {ofFigures, "rooms = 'jitsi' => rooms = 'jitsi'\nroom-hash = 'hmac'"},
	"Streams.Figures.CountV6":                      {ofFigures, "rooms = 'jitsi' => rooms = 'jitsi'\ncount-v6 = 64"},
	"Streams.Figures.Traffic":                      {ofStream, "=> traffic = true"},
	"Streams.Figures.TrafficOptions.own":           {ofTraffic, "=> traffic-own = 'www.example.org'"},
	"Streams.Figures.TrafficOptions.country":       {ofTraffic, "=> traffic-country = '/srv/country.mmdb'"},
	"Streams.Figures.TrafficOptions.group":         {ofTraffic, "=> traffic-group = '/ows?layers={group}'"},
	"Streams.Figures.TrafficOptions.visitor":       {ofTraffic, "=> traffic-visitor = 'address'"},
	"Streams.Figures.TrafficOptions.visit-timeout": {ofTraffic, "=> traffic-visit-timeout = '45m'"},
	"Streams.Figures.TrafficOptions.ignore":        {ofTraffic, "traffic-ignore = '10.0.0.0/8' => traffic-ignore = ['10.0.0.0/8', 'monitor']"},
	"Streams.Figures.TrafficOptions.min-group":     {ofTraffic, "=> traffic-min-group = 7"},
	"Streams.Figures.TrafficOptions.sitemap":       {ofTraffic, "=> traffic-sitemap = '/srv/sitemap.xml'"},
	"Streams.Figures.TrafficOptions.max-visits":    {ofTraffic, "=> traffic-max-visits = 1000"},
	"Streams.Figures.TrafficOptions.max-names":     {ofTraffic, "=> traffic-max-names = 1000"},
	"Streams.Figures.Full":                         {ofStream, "fields = { client = 'mask' }\nrooms = 'jitsi' => fields = { client = 'mask' }\nrooms = 'jitsi'\ncount = 'full'"},
}

// unsaid lists keys that no notice contains, or that do not exist yet.
var unsaid = []string{"Streams.Active.Reason", "Streams.Active.For", "Own.Condition.Events",
	"Own.Unless.Status", "Own.Unless.Methods", "Own.Unless.URLs", "Own.Unless.Queries", "Own.Unless.Hosts", "Own.Unless.Users", "Own.Unless.Clients", "Own.Unless.Events"}

// paths collects the paths of all values in a type.
func paths(t reflect.Type, at string, into map[string]bool) {
	for t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct && t.Elem().PkgPath() == reflect.TypeFor[policy.Policy]().PkgPath() || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	leaf := t.Kind() != reflect.Struct || t.PkgPath() != reflect.TypeFor[policy.Policy]().PkgPath() || t == reflect.TypeFor[policy.StatusRange]() || t == reflect.TypeFor[policy.Query]()
	if leaf {
		into[at] = true
		return
	}
	for i := range t.NumField() {
		switch f := t.Field(i); {
		case f.Anonymous:
			paths(f.Type, at, into)
		case f.IsExported():
			paths(f.Type, strings.TrimPrefix(at+"."+f.Name, "."), into)
		}
	}
}

// notice returns a policy's notice without its last line, which has the digest.
func notice(t *testing.T, text, lang string) string {
	t.Helper()
	page := statement.New(claims.OfPolicy(parse(t, text)), language(t, lang), 0)
	page.Foot = ""
	var out bytes.Buffer
	require.NoError(t, page.Text(&out, 80))
	return out.String()
}

// TestEachKey: changing any key of a policy changes the notice, in each language.
func TestEachKey(t *testing.T) {
	all := map[string]bool{}
	paths(reflect.TypeFor[policy.Policy](), "", all)
	delete(all, "Streams.Figures.TrafficOptions")
	for _, name := range policy.TrafficOptions {
		all["Streams.Figures.TrafficOptions."+name] = true
	}
	for _, path := range slices.Sorted(maps.Keys(all)) {
		path = strings.NewReplacer("Status.From", "Status").Replace(path)
		c, ok := changes[path]
		if slices.Contains(unsaid, path) {
			assert.False(t, ok, path)
			continue
		}
		if !assert.True(t, ok, "%s: no change of it is tested", path) {
			continue
		}
		before, after := c.policies()
		require.NotEqual(t, before, after, path)
		for _, lang := range []string{"de", "en", "nb"} {
			assert.NotEqual(t, notice(t, before, lang), notice(t, after, lang), "%s: %s", path, fmt.Sprint(c.edit))
		}
	}
	for path := range changes {
		assert.Contains(t, all, path)
	}
}

// TestUnsaid: a notice contains neither the reason for a decision, nor the person that it
// concerns, nor paths.
func TestUnsaid(t *testing.T) {
	text := aStream + "keep = '1d'\nfields = { user = 'keep' }\ngate = { names = 'user' }\nactive = { from = 2026-01-02, until = 2026-01-09, reason = 'confidential reason', for = 'confidential person' }\n"
	for _, lang := range []string{"de", "en", "nb"} {
		assert.NotContains(t, notice(t, text, lang), "confidential")
	}
}
