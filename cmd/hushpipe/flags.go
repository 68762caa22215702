package main

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"hushpipe/filter"
	"hushpipe/filter/calendar"
	"hushpipe/filter/counts"
	"hushpipe/filter/journal"
	"hushpipe/filter/pseudonym"
	"hushpipe/filter/store"
	"hushpipe/filter/treatment"
	"hushpipe/format"
)

// filterFlags is the command line of filter, and most of replay's.
type filterFlags struct {
	dir    string
	ip     string
	keep   string
	keys   string
	redact []string
	policy string

	formatFlags
	roomFlags
	trafficFlags
	liveFlags
}

func (o *filterFlags) define(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.StringVar(&o.format, "format", "auto", "read lines of `FORMAT`: "+format.Names+", an Apache LogFormat string, or error: and an ErrorLogFormat string")
	flags.StringVar(&o.ip, "ip", "ipcrypt", "replace addresses by `MODE`: ipcrypt, pfx (keeps common prefixes), mask or mask=V4BITS/V6BITS, drop, keep")
	flags.StringVar(&o.keep, "keep", calendar.DefaultPeriod.String(), "keep lines and keys for `DAYS`, today included")
	flags.StringVar(&o.keys, "keys", "", "keep the day keys in `KEYDIR` (default DIR/keys)")
	o.roomFlags.define(flags)
	flags.StringArrayVar(&o.redact, "redact", nil, "also strike out the values of URL parameters `NAMES`, separated by commas; =NAMES strikes out these alone, not the built-in ones: "+strings.ReplaceAll(treatment.DefaultRedact, ",", ", ")+"; repeatable")
	o.formatFlags.define(flags)
	o.trafficFlags.define(flags)
	flags.StringVar(&o.policy, "policy", "", "write the streams of the policy `FILE`, each to DIR/NAME, instead of the flags above")
}

// pipeline is what the flags of filter configure.
type pipeline struct {
	filter   filter.Config
	store    store.Config
	errorLog bool
	metrics  *metricsFile // nil without --metrics
	account  *account     // nil if the process keeps its user
}

// pipeline checks the flags. Each error names its flag and what to give.
func (o *filterFlags) pipeline(log *messageLog) (*pipeline, error) {
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
	if err := o.checkInputFlag(o.dir); err != nil {
		return nil, err
	}
	j := &pipeline{errorLog: format.IsError(o.format)}
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
	if j.filter.Rooms, err = o.matcher(j.errorLog); err != nil {
		return nil, err
	}
	counting := j.filter.Rooms != nil
	if o.user != "" {
		if j.account, err = findAccount(o.user); err != nil {
			return nil, err
		}
	}
	if o.metrics != "" {
		if j.metrics, err = o.metricsFile(o.dir, log); err != nil {
			return nil, err
		}
	}
	if err := o.countTraffic(j, log); err != nil {
		return nil, err
	}
	j.filter.CountV6, j.filter.Limits = int(o.countV6), o.limits()
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
	j.store.Log = log.report
	return j, nil
}

// countTraffic configures the traffic figures.
func (o *filterFlags) countTraffic(j *pipeline, log *messageLog) (err error) {
	switch j.filter.Traffic, err = o.trafficFlags.config(log); {
	case err != nil || j.filter.Traffic == nil:
		return err
	case j.errorLog:
		return usage("--traffic: an error log has no requests; hint: count those of the access log")
	case o.stdout:
		return usage("--traffic: with --stdout nothing is written to DIR; hint: leave one of them out")
	}
	j.store.Traffic = &j.filter.Traffic.Options
	lowerGOGC()
	return nil
}

// settings is the text that journals record: how pseudonyms and counts are made, and
// which clients and rooms are counted. Counts under different settings cannot be added.
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
	if o.left != "" {
		left := sha256.Sum256([]byte(o.left))
		urls += fmt.Sprintf("left=%x;", left[:8])
	}
	return fmt.Sprintf("ip=%s;%sroom-hash=%s;count-v6=%d;", mode, urls, o.roomHash, o.countV6)
}
