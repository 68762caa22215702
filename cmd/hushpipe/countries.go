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
	checks    bool      // a database that is of no use is refused; else nothing stops for it
	databases databases // those of all streams of a policy
}

func (o *countryFlags) define(flags *pflag.FlagSet) {
	flags.StringVar(&o.country, "country", "", "with --traffic, count by country, as the database `FILE` has it: one in the MaxMind DB format (.mmdb)")
}

// databases are those of countries that are in use, by their path.
type databases map[string]*country.Database

// open returns the database of --country. While it cannot be used, countries are unknown.
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

// paths returns the files, for confineFilter.
func (all databases) paths() []string { return slices.Sorted(maps.Keys(all)) }

// keepUp has files that are replaced read again at each tick, until the function that it
// returns is called.
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

// refresh says of each file what has become of it.
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
