package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"hushpipe/filter"
	"hushpipe/filter/calendar"
	"hushpipe/filter/counts"
	"hushpipe/filter/journal"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/rooms"
	"hushpipe/filter/store"
	"hushpipe/filter/treatment"
	"hushpipe/format"
)

// filterFlags is the command line of filter, and most of that of replay.
type filterFlags struct {
	dir      string
	format   string
	ip       string
	keep     string
	keys     string
	rooms    []string
	roomURL  []string
	roomHash string
	countV6  prefixLen
	maxRooms atLeastOne
	maxPairs atLeastOne
	redact   []string
	jsonKeys []string
	client   string
	proxies  []string
	input    string
	stdout   bool
	user     string
	metrics  string
	check    bool
	sample   bool
	policy   string

	trafficFlags
	userField string // of a policy
}

func (o *filterFlags) define(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.StringVar(&o.format, "format", "auto", "read lines of `FORMAT`: "+format.Names+", an Apache LogFormat string, or error: and an ErrorLogFormat string")
	flags.StringVar(&o.ip, "ip", "ipcrypt", "replace addresses by `MODE`: ipcrypt, pfx (keeps common prefixes), mask or mask=V4BITS/V6BITS, drop, keep")
	flags.StringVar(&o.keep, "keep", calendar.DefaultPeriod.String(), "keep lines and keys for `DAYS`, today included")
	flags.StringVar(&o.keys, "keys", "", "keep the day keys in `KEYDIR` (default DIR/keys)")
	flags.StringArrayVar(&o.rooms, "rooms", []string{"jitsi"}, "count rooms whose URLs match `PRESET`: "+rooms.Presets()+"; repeatable")
	flags.StringArrayVar(&o.roomURL, "room-url", nil, "count rooms whose URLs match `PATTERN`, such as '/call/{room}' or '/ows?layers={room}'; repeatable")
	flags.StringVar(&o.roomHash, "room-hash", "sha1", "write room names as `HASH`: sha1, or hmac with a secret kept in DIR")
	o.countV6 = 128
	flags.Var(&o.countV6, "count-v6", "tell clients apart by the first `BITS` of an IPv6 address; 64 counts a household once")
	o.maxRooms, o.maxPairs = atLeastOne(rooms.DefaultLimits.Rooms), atLeastOne(rooms.DefaultLimits.Pairs)
	flags.Var(&o.maxRooms, "max-rooms", "count at most `NUMBER` rooms a day")
	flags.Var(&o.maxPairs, "max-pairs", "count at most `NUMBER` pairs of room and address a day")
	flags.StringArrayVar(&o.redact, "redact", nil, "also strike out the values of URL parameters `NAMES`, separated by commas; =NAMES strikes out these alone, not the built-in ones: "+strings.ReplaceAll(treatment.DefaultRedact, ",", ", ")+"; repeatable")
	flags.StringVar(&o.client, "client", "", "`FIELD` that is the client, where a format has several: the argument of a directive, as X-Forwarded-For, or a JSON key")
	flags.StringArrayVar(&o.proxies, "trusted-proxies", nil, "believe the proxies in `NETS` on who their client is, as 10.0.0.0/8,192.0.2.1; of other lines the client is who asked the server; repeatable")
	flags.StringArrayVar(&o.jsonKeys, "json-keys", nil, "also read `KEYS` of JSON lines: client=KEY,request=KEY,time=KEY,status=KEY; repeatable")
	o.trafficFlags.define(flags)
	flags.StringVar(&o.policy, "policy", "", "write the streams of the policy `FILE`, each to DIR/NAME, in place of what the flags above say")
}

// defineLive defines what only filter has.
func (o *filterFlags) defineLive(flags *pflag.FlagSet) {
	flags.StringVar(&o.input, "input", "", "read the FIFO at `PATH`, in place of stdin, for servers that only write to a path; see hushpipe-servers(7)")
	flags.BoolVar(&o.stdout, "stdout", false, "write the lines to stdout, whatever their age, and count nothing; DIR is optional and only its keys are read")
	flags.StringVar(&o.user, "user", "", "become the user `NAME` in place of root, and give that user DIR and KEYDIR")
	flags.StringVar(&o.metrics, "metrics", "", "write metrics to `FILE` every 15 s, for node_exporter's textfile collector: /DIRECTORY/NAME.prom")
	flags.BoolVar(&o.check, "check", false, "test flags and DIR, read nothing, and exit with 0 or 2")
	flags.BoolVar(&o.sample, "sample", false, "with --check, read lines from stdin and show what each field was taken for, what becomes of it, who counts, and for which room; DIR is optional")
}

// prefixLen is a number of leading bits of an IPv6 address.
type prefixLen int

func (p *prefixLen) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 128 {
		return errors.New("give a prefix length from 1 to 128")
	}
	*p = prefixLen(n)
	return nil
}

func (p *prefixLen) String() string { return strconv.Itoa(int(*p)) }
func (p *prefixLen) Type() string   { return "int" }

// atLeastOne is a number from 1.
type atLeastOne int

func (a *atLeastOne) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return errors.New("give a number from 1")
	}
	*a = atLeastOne(n)
	return nil
}

func (a *atLeastOne) String() string { return strconv.Itoa(int(*a)) }
func (a *atLeastOne) Type() string   { return "int" }

// job is what the flags of filter ask for.
type job struct {
	filter   filter.Config
	store    store.Config
	errorLog bool
	metrics  *metricsFile // nil: none
	account  *account     // to become; nil: the process stays what it is
}

// job checks the flags. Each error names its flag and says what to give.
func (o *filterFlags) job(say *messages) (*job, error) {
	if o.sample && !o.check {
		return nil, usage("--sample without --check; hint: give both")
	}
	if o.dir == "" && !o.stdout && !o.sample {
		return nil, usage("no DIR given; hint: name the directory for the daily files, or use --stdout")
	}
	if o.dir == "" && o.keys != "" {
		return nil, usage("--keys without DIR; hint: give the DIR that these keys belong to")
	}
	if o.user != "" && o.stdout {
		return nil, usage("--user: with --stdout nothing is written to DIR; hint: run hushpipe as that user instead")
	}
	if err := o.checkInputFlag(); err != nil {
		return nil, err
	}
	j := &job{errorLog: format.IsError(o.format)}
	var err error
	if j.filter.Parser, err = o.parser(); err != nil {
		return nil, err
	}
	if len(o.proxies) > 0 {
		if j.filter.Proxies, err = pseudonym.ParseNetworks(o.proxies...); err != nil {
			return nil, usage("--trusted-proxies: %w", err)
		}
	}
	if j.filter.Mode, err = pseudonym.ParseMode(o.ip); err != nil {
		return nil, usage("--ip: %w", err)
	}
	if j.store.Keep, err = calendar.ParsePeriod(o.keep); err != nil {
		return nil, usage("--%w", err)
	}
	if j.filter.Redact, err = treatment.NewRedact(o.redact...); err != nil {
		return nil, usage("--%w", err)
	}
	o.rooms, o.roomURL = distinct(o.rooms), distinct(o.roomURL)
	counting := !j.errorLog && (len(o.roomURL) > 0 || !slices.Equal(o.rooms, []string{"none"}))
	matcher, err := rooms.NewMatcher(o.rooms, o.roomURL)
	if err != nil {
		flag := "--rooms"
		if badURL := (*rooms.PatternError)(nil); errors.As(err, &badURL) {
			flag = "--room-url"
		}
		return nil, usage("%s: %w", flag, err)
	}
	if counting {
		j.filter.Rooms = matcher
	}
	if o.roomHash != "sha1" && o.roomHash != "hmac" {
		return nil, usage("--room-hash %q is not valid; hint: give sha1 or hmac", o.roomHash)
	}
	if o.user != "" {
		if j.account, err = findAccount(o.user); err != nil {
			return nil, err
		}
	}
	if o.metrics != "" {
		if j.metrics, err = o.metricsFile(say); err != nil {
			return nil, err
		}
	}
	if err := o.countTraffic(j, say); err != nil {
		return nil, err
	}
	j.filter.CountV6 = int(o.countV6)
	j.filter.Limits = rooms.Limits{Rooms: int(o.maxRooms), Pairs: int(o.maxPairs)}
	j.store.Path, j.store.Keys = o.dir, o.keys
	j.store.Limits = j.filter.Limits
	j.store.Counting = counting
	j.store.Secret = counting && o.roomHash == "hmac"
	j.store.Settings = o.settings(j.filter.Mode, counting)
	if n := len(j.store.Settings); n > journal.MaxSettings {
		return nil, usage("--rooms: the settings take %d bytes, and a journal has room for %d; hint: name fewer presets", n, journal.MaxSettings)
	}
	j.store.Process.Version, j.store.Process.IP = version(), j.filter.Mode.String()
	j.store.Now = now
	j.store.Say = say.report
	return j, nil
}

// countTraffic has the job count what the flags ask for.
func (o *filterFlags) countTraffic(j *job, say *messages) (err error) {
	switch j.filter.Traffic, err = o.trafficFlags.config(say); {
	case err != nil || j.filter.Traffic == nil:
		return err
	case j.errorLog:
		return usage("--traffic: an error log has no requests; hint: count those of the access log")
	case o.stdout:
		return usage("--traffic: with --stdout nothing is written to DIR; hint: leave one of them out")
	}
	j.store.Traffic = &j.filter.Traffic.Options
	return nil
}

// checkInputFlag checks --input, and makes its path absolute.
func (o *filterFlags) checkInputFlag() error {
	if o.input == "" {
		return nil
	}
	if o.stdout {
		return usage("--input: with --stdout it has no use; hint: leave one of them out")
	}
	folder, err := os.Stat(filepath.Dir(o.input))
	if at, err2 := os.Stat(o.dir); err == nil && err2 == nil && os.SameFile(folder, at) {
		return usage("--input %s: it lies in DIR; hint: give a path elsewhere, as /run/hushpipe/NAME/access.log", o.input)
	}
	if path, err := filepath.Abs(o.input); err == nil {
		o.input = path
	}
	return nil
}

// metricsFile checks --metrics.
func (o *filterFlags) metricsFile(say *messages) (*metricsFile, error) {
	if filepath.Ext(o.metrics) != ".prom" {
		return nil, usage("--metrics %q is not valid; hint: give a name that ends in .prom: node_exporter reads no other", o.metrics)
	}
	if o.stdout {
		return nil, usage("--metrics: with --stdout nothing is written to DIR; hint: leave one of them out")
	}
	m := &metricsFile{path: o.metrics, say: say}
	var err error
	m.dir, err = filepath.Abs(o.dir)
	return m, err
}

// parser returns a parser of the lines. It serves one goroutine.
func (o *filterFlags) parser() (format.Parser, error) { return o.parserIn(time.Local) }

// parserIn is parser with the dates of epochs in another zone.
func (o *filterFlags) parserIn(zone *time.Location) (format.Parser, error) {
	var keys []string
	for _, list := range o.jsonKeys {
		keys = append(keys, strings.Split(list, ",")...)
	}
	p, err := format.NewWith(o.format, zone, format.Options{JSONKeys: keys, Client: o.client, User: o.userField, Proxies: len(o.proxies) > 0})
	if err != nil {
		flag := "--format"
		if badKey := (*format.JSONKeyError)(nil); errors.As(err, &badKey) {
			flag = "--json-keys"
		}
		if badClient := (*format.ClientError)(nil); errors.As(err, &badClient) {
			flag = "--client"
		}
		if badProxies := (*format.ProxiesError)(nil); errors.As(err, &badProxies) {
			return nil, usage("--trusted-proxies: %w; hint: log both, as in '%%{c}a %%{X-Forwarded-For}i', or use mod_remoteip", err)
		}
		return nil, usage("%s: %w", flag, err)
	}
	return p, nil
}

// distinct returns the values that differ, in order.
func distinct(values []string) (list []string) {
	for _, v := range values {
		if !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	return list
}

// settings is what journals record: how pseudonyms and counts are made, and of whom.
func (o *filterFlags) settings(mode pseudonym.Mode, counting bool) string {
	if !counting {
		return fmt.Sprintf("ip=%s;%s", mode, counts.NoRooms)
	}
	urls := ""
	if !slices.Equal(o.rooms, []string{"none"}) {
		urls = "rooms=" + strings.Join(o.rooms, ",") + ";"
	}
	if len(o.roomURL) > 0 {
		urls += fmt.Sprintf("room-url=%x;", sha256.Sum256([]byte(strings.Join(o.roomURL, "\n"))))
	}
	if o.client != "" || len(o.proxies) > 0 {
		who := sha256.Sum256([]byte(strings.Join(append([]string{o.client}, o.proxies...), "\n")))
		urls += fmt.Sprintf("client=%x;", who[:8])
	}
	return fmt.Sprintf("ip=%s;%sroom-hash=%s;count-v6=%d;", mode, urls, o.roomHash, o.countV6)
}
