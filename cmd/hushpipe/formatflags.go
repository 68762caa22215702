package main

import (
	"errors"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"hushpipe/format"
)

// formatFlags choose how lines are parsed.
type formatFlags struct {
	format    string
	jsonKeys  []string
	client    string
	proxies   []string
	userField string // from a policy; there is no flag for it
}

// define defines all but --format, which comes earlier in the help.
func (o *formatFlags) define(flags *pflag.FlagSet) {
	flags.StringVar(&o.client, "client", "", "use `FIELD` as the client if a format has several: the argument of a directive, such as X-Forwarded-For, or a JSON key")
	flags.StringArrayVar(&o.proxies, "trusted-proxies", nil, "trust the proxies in `NETS`, such as 10.0.0.0/8,192.0.2.1, to name their client; otherwise the client is whoever connected to the server; repeatable")
	flags.StringArrayVar(&o.jsonKeys, "json-keys", nil, "also read `KEYS` of JSON lines: client=KEY,request=KEY,time=KEY,status=KEY; repeatable")
}

// parser returns a parser for the lines. Only one goroutine may use it.
func (o *formatFlags) parser() (format.Parser, error) { return o.parserIn(time.Local) }

// parserIn is parser, with the dates of Unix times in another zone.
func (o *formatFlags) parserIn(zone *time.Location) (format.Parser, error) {
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
