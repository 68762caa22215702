package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"hushpipe/filter"
	"hushpipe/filter/dir"
	"hushpipe/filter/traffic"
	"hushpipe/format/policy"
)

// trafficFlags choose what is counted of a site's traffic.
type trafficFlags struct {
	flags   *pflag.FlagSet
	count   bool
	own     []string
	timeout time.Duration
	visitor string
	ignore  []string
	sitemap string
	groups  []string
	strict  bool // a sitemap that cannot be used is an error, not a warning

	trafficBounds
	countryFlags
}

// trafficBounds limit how much is counted separately.
type trafficBounds struct{ minGroup, visits, names positiveInt }

func (o *trafficFlags) define(flags *pflag.FlagSet) {
	std := traffic.Defaults()
	o.flags = flags
	o.minGroup, o.visits, o.names = positiveInt(std.MinGroup), positiveInt(std.MaxVisits), positiveInt(std.MaxNames)
	flags.BoolVar(&o.count, "traffic", false, "count pages, visits, origins, browsers and robots, in DIR/traffic")
	flags.StringArrayVar(&o.own, "own", nil, "with --traffic, treat links from `HOST` as links within the site, as www.example.org; repeatable")
	flags.DurationVar(&o.timeout, "visit-timeout", std.Timeout, "with --traffic, begin another visit after `TIME` without a page")
	flags.StringVar(&o.visitor, "visitor", "agent", "with --traffic, tell visitors apart by `WHAT`: agent (address and user agent) or address")
	flags.Var(&o.minGroup, "min-group", "with --traffic, list names that clients choose once `NUMBER` networks have sent them on one day, at least 3")
	flags.StringArrayVar(&o.ignore, "ignore", nil, "with --traffic, leave out lines of `WHO`: a network, such as 192.0.2.0/24, or a part of a user agent; repeatable")
	flags.StringVar(&o.sitemap, "sitemap", "", "with --traffic, always list the paths in `FILE`: a sitemap, or one path a line")
	flags.StringArrayVar(&o.groups, "group", nil, "with --traffic, count hits, errors and durations by a part of the URL, as in `PATTERN` /ows?layers={group}; repeatable")
	o.countryFlags.define(flags)
	flags.Var(&o.visits, "max-visits", "with --traffic, follow at most `NUMBER` visitors a day")
	flags.Var(&o.names, "max-names", "with --traffic, list at most `NUMBER` paths a day")
}

// trafficOnly lists the flags that have no use without --traffic.
var trafficOnly = []string{"own", "visit-timeout", "visitor", "min-group", "ignore", "sitemap", "group", "country", "max-visits", "max-names"}

// config returns the configuration of the traffic figures, nil without --traffic.
func (o *trafficFlags) config(log *messageLog) (*filter.Traffic, error) {
	if !o.count {
		if o.flags == nil {
			return nil, nil // flags of a policy
		}
		for _, name := range trafficOnly {
			if f := o.flags.Lookup(name); f.Value.String() != f.DefValue {
				return nil, usage("--%s without --traffic; hint: give both", name)
			}
		}
		return nil, nil
	}
	opt := traffic.Defaults()
	if o.minGroup < traffic.LeastGroup {
		return nil, usage("--min-group %d is not valid; hint: give a number from %d: of two, each knows the other", o.minGroup, traffic.LeastGroup)
	}
	if o.timeout < time.Minute || o.timeout > 12*time.Hour || o.timeout%time.Second != 0 {
		return nil, usage("--visit-timeout %s is not valid; hint: give a time from 1m to 12h", o.timeout)
	}
	switch o.visitor {
	case "agent":
	case "address":
		opt.ByAddress = true
	default:
		return nil, usage("--visitor %q is not valid; hint: give agent or address", o.visitor)
	}
	if err := o.parseOwn(&opt); err != nil {
		return nil, err
	}
	if err := o.parseIgnore(&opt); err != nil {
		return nil, err
	}
	opt.MinGroup, opt.MaxVisits, opt.MaxNames, opt.Timeout = int(o.minGroup), int(o.visits), int(o.names), o.timeout
	if len(o.groups) > 0 {
		var err error
		if opt.Groups, err = traffic.NewGroups(o.groups); err != nil {
			return nil, usage("--group: %w", err)
		}
	}
	if o.sitemap != "" {
		var err error
		if opt.Public, err = readSitemap(o.sitemap); err != nil && o.strict {
			return nil, usage("--sitemap %s: %w", o.sitemap, err)
		} else if err != nil {
			log.limited("sitemap "+o.sitemap, warning, fmt.Sprintf("--sitemap %s: going on without it: %v", o.sitemap, err))
		}
	}
	if o.country != "" {
		var err error
		if opt.Countries, err = o.open(log); err != nil {
			return nil, err
		}
	}
	return &filter.Traffic{Options: opt, Zone: time.Local}, nil
}

// parseOwn parses --own.
func (o *trafficFlags) parseOwn(opt *traffic.Options) error {
	for _, host := range o.own {
		host = strings.TrimPrefix(strings.ToLower(host), "www.")
		if host == "" || strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' || r == ':' }) {
			return usage("--own: give the name of a host, as www.example.org")
		}
		opt.Own = append(opt.Own, host)
	}
	return nil
}

// parseIgnore parses --ignore: networks and parts of user agents.
func (o *trafficFlags) parseIgnore(opt *traffic.Options) error {
	for _, who := range o.ignore {
		net, err := netip.ParsePrefix(who)
		if addr, addrErr := netip.ParseAddr(who); addrErr == nil {
			addr = addr.Unmap()
			net, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		} else if err == nil && net.Addr().Is4In6() && net.Bits() >= 96 {
			net = netip.PrefixFrom(net.Addr().Unmap(), net.Bits()-96)
		}
		switch {
		case err == nil:
			opt.IgnoreNet = append(opt.IgnoreNet, net.Masked())
		case len(who) < 3 || !strings.ContainsFunc(who, func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }):
			return usage("--ignore: give a network, as 192.0.2.0/24, or at least three letters of a user agent")
		default:
			opt.IgnoreUA = append(opt.IgnoreUA, strings.ToLower(who))
		}
	}
	return nil
}

// maxSitemap is the largest size of a sitemap in bytes, as sitemaps.org defines it.
const maxSitemap = 50 << 20

// readSitemap returns the paths in a file, at least one.
func readSitemap(path string) ([]string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // opening a FIFO would wait for a writer
	if err != nil {
		return nil, dir.Bare(err)
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return nil, errors.New("is not a regular file; hint: give the path of a sitemap.xml")
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSitemap+1))
	switch paths := traffic.ReadSitemap(text); {
	case err != nil:
		return nil, dir.Bare(err)
	case len(text) > maxSitemap:
		return nil, fmt.Errorf("is longer than %d MiB; hint: give the paths that matter, one a line", maxSitemap>>20)
	case len(paths) == 0:
		return nil, errors.New("no path in it; hint: give a sitemap.xml, or a file with one path a line")
	default:
		return paths, nil
	}
}

// asPolicy returns the flags as options of a policy: min-group, and all values that are
// not the default.
func (o *trafficFlags) asPolicy() map[string][]string {
	all := map[string][]string{"min-group": {o.minGroup.String()}}
	std := traffic.Defaults()
	for name, list := range map[string][]string{"own": o.own, "ignore": o.ignore, "group": o.groups} {
		if len(list) > 0 {
			all[name] = list
		}
	}
	for name, path := range map[string]string{"sitemap": o.sitemap, "country": o.country} {
		if path != "" {
			all[name] = []string{path}
		}
	}
	if o.visitor == "address" {
		all["visitor"] = []string{o.visitor}
	}
	if o.timeout != std.Timeout {
		all["visit-timeout"] = []string{o.timeout.String()}
	}
	if int(o.visits) != std.MaxVisits {
		all["max-visits"] = []string{o.visits.String()}
	}
	if int(o.names) != std.MaxNames {
		all["max-names"] = []string{o.names.String()}
	}
	return all
}

// ofPolicy sets the flags to the traffic options of a stream.
func (o *trafficFlags) ofPolicy(f *policy.Figures) error {
	flags := pflag.NewFlagSet("traffic", pflag.ContinueOnError)
	o.define(flags)
	o.flags, o.count = nil, f.Traffic
	for name, values := range f.TrafficOptions {
		for _, value := range values {
			if flags.Lookup(name) == nil {
				continue // an option of another version
			}
			if err := flags.Set(name, value); err != nil {
				return usage("traffic-%s %q is not valid: %w", name, value, errors.Unwrap(err))
			}
		}
	}
	return nil
}
