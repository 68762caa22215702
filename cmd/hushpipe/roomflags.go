package main

import (
	"errors"
	"slices"
	"strconv"

	"github.com/spf13/pflag"

	"hushpipe/filter/rooms"
)

// roomFlags choose which rooms are counted, and how.
type roomFlags struct {
	rooms    []string
	roomURL  []string
	roomHash string
	countV6  prefixLen
	left     string // in a policy: the treatment of the client, if clients are told apart by its result
	maxRooms positiveInt
	maxPairs positiveInt
}

func (o *roomFlags) define(flags *pflag.FlagSet) {
	flags.StringArrayVar(&o.rooms, "rooms", []string{"jitsi"}, "count rooms whose URLs match `PRESET`: "+rooms.Presets()+"; repeatable")
	flags.StringArrayVar(&o.roomURL, "room-url", nil, "count rooms whose URLs match `PATTERN`, such as '/call/{room}' or '/ows?layers={room}'; repeatable")
	flags.StringVar(&o.roomHash, "room-hash", "sha1", "write room names as `HASH`: sha1, or hmac with a secret kept in DIR")
	o.countV6 = 128
	flags.Var(&o.countV6, "count-v6", "tell clients apart by the first `BITS` of an IPv6 address; 64 counts a household once")
	o.maxRooms, o.maxPairs = positiveInt(rooms.DefaultLimits.Rooms), positiveInt(rooms.DefaultLimits.Pairs)
	flags.Var(&o.maxRooms, "max-rooms", "count at most `NUMBER` rooms a day")
	flags.Var(&o.maxPairs, "max-pairs", "count at most `NUMBER` pairs of room and address a day")
}

// prefixLen is the number of leading bits of an IPv6 address.
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

// positiveInt is a positive number.
type positiveInt int

func (a *positiveInt) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return errors.New("give a number from 1")
	}
	*a = positiveInt(n)
	return nil
}

func (a *positiveInt) String() string { return strconv.Itoa(int(*a)) }
func (a *positiveInt) Type() string   { return "int" }

// matcher returns the matcher that finds the room of a request, or nil if no rooms are
// counted.
func (o *roomFlags) matcher(errorLog bool) (*rooms.Matcher, error) {
	o.rooms, o.roomURL = distinct(o.rooms), distinct(o.roomURL)
	m, err := rooms.NewMatcher(o.rooms, o.roomURL)
	if err != nil {
		flag := "--rooms"
		if badURL := (*rooms.PatternError)(nil); errors.As(err, &badURL) {
			flag = "--room-url"
		}
		return nil, usage("%s: %w", flag, err)
	}
	if o.roomHash != "sha1" && o.roomHash != "hmac" {
		return nil, usage("--room-hash %q is not valid; hint: give sha1 or hmac", o.roomHash)
	}
	if errorLog || len(o.roomURL) == 0 && slices.Equal(o.rooms, []string{"none"}) {
		return nil, nil
	}
	return m, nil
}

func (o *roomFlags) limits() rooms.Limits {
	return rooms.Limits{Rooms: int(o.maxRooms), Pairs: int(o.maxPairs)}
}

// distinct removes duplicates and keeps the order.
func distinct(values []string) (list []string) {
	for _, v := range values {
		if !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	return list
}
