package main

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"hushpipe/filter/country"
)

// countryFlags choose how traffic is counted by country.
type countryFlags struct {
	country   string
	checks    bool      // a database that cannot be used is an error, not a warning
	databases databases // shared by the streams of a policy
}

func (o *countryFlags) define(flags *pflag.FlagSet) {
	flags.StringVar(&o.country, "country", "", "with --traffic, count by country with the database `FILE`, in the MaxMind DB format (.mmdb)")
}

// databases are the country databases in use, by path.
type databases map[string]*country.Database

// open returns the database of --country. While it cannot be read, all countries are
// unknown.
func (o *countryFlags) open(log *messageLog) (*country.Database, error) {
	if d := o.databases[o.country]; d != nil {
		return d, nil
	}
	d, err := country.Open(o.country)
	switch {
	case err != nil && o.checks:
		return nil, usage("--country %s: %w", o.country, err)
	case err != nil:
		log.limited("country "+o.country, warning, unknownCountries(o.country, err))
	}
	if o.databases == nil {
		o.databases = databases{}
	}
	o.databases[o.country] = d
	return d, nil
}

func unknownCountries(path string, err error) string {
	return fmt.Sprintf("--country %s: countries are unknown: %v", path, err)
}

// paths returns the databases' files, for confineFilter.
func (all databases) paths() []string { return slices.Sorted(maps.Keys(all)) }

// keepUp reloads replaced files at each tick, until stop is called.
func (all databases) keepUp(tick <-chan time.Time, log *messageLog) (stop func()) {
	quit := make(chan struct{})
	if len(all) == 0 {
		return func() {}
	}
	go func() {
		for {
			select {
			case <-tick:
				all.refresh(log)
			case <-quit:
				return
			}
		}
	}()
	return func() { close(quit) }
}

// refresh reloads the files that were replaced, and logs each one.
func (all databases) refresh(log *messageLog) {
	for path, d := range all {
		switch changed, err := d.Refresh(); {
		case err != nil && changed:
			log.warnf("%s", unknownCountries(path, err))
		case changed:
			log.notef("--country %s: it is another file now, and was read", path)
		}
	}
}
