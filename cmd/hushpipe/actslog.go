package main

// Entries in acts.log: who revealed, searched or erased lines by hand, and why.

import (
	"fmt"
	"math"
	"os"
	"strconv"

	"hushpipe/filter/acts"
	"hushpipe/filter/freetext"
	"hushpipe/filter/policies"
	"hushpipe/format/civil"
)

// actor is the person who runs reveal, find or erase.
type actor struct {
	what   string // acts.Reveal, Find or Erase; "" if the command looks for nobody
	login  string
	reason string
}

// newActor returns the person who runs the command. acts.log keeps the reason for three
// years, so newActor removes from it the names, and whatever may be an address, a
// telephone number or the name of a client. It logs a note if it removed anything.
func newActor(what, reason string, names []string, log *messageLog) actor {
	clean := freetext.Clean(reason, names...)
	if clean != reason {
		log.notef("--reason may contain an address, a telephone number or a client, which is left out since the record stays for three years: it is recorded as %q; hint: name the case by its number, as in \"case 12\" or \"#48213\"", clean)
	}
	return actor{what, loginID(), clean}
}

// loginID returns the user id with which the person logged in, even after sudo or su:
// the one that the kernel records for the session (proc_pid_loginuid(5)), or else the
// one that sudo passes on. "-" means that nobody logged in, as in a cron job.
func loginID() string {
	text, err := os.ReadFile("/proc/self/loginuid")
	id := string(text)
	if err != nil || id == strconv.FormatUint(math.MaxUint32, 10) {
		id = os.Getenv("SUDO_UID")
	}
	if _, err := strconv.ParseUint(id, 10, 32); err != nil {
		return "-"
	}
	return id
}

// dirAction is what an act did in one directory.
type dirAction struct {
	path  string
	terms *policies.Terms // nil if the directory is not a stream of a policy
	days  []civil.Day
	lines int
}

// allows returns an error if the policy does not allow the act, or requires a reason
// and there is none.
func (a *actor) allows(path string, terms *policies.Terms) error {
	if terms == nil || a.what == "" {
		return nil
	}
	s := terms.Stream
	purpose, keys := s.Reveal, `reveal = "…"`
	if a.what != acts.Reveal {
		keys += ` or access = "…"`
		if purpose == nil {
			purpose = s.Access
		}
	}
	switch {
	case purpose == nil:
		return fmt.Errorf("%s: the policy has no %s for this stream, and nobody may look for people in it; hint: decide on a purpose and give the stream one, or leave the stream out", path, keys)
	case a.reason == "":
		return usage("no --reason given: people may be looked for in the stream %s %q; hint: name the case by its number", s.Name, purpose.In("en"))
	}
	return nil
}

// note writes the actions to acts.log, one entry for each DIR. The caller does so
// before it prints or changes anything.
func (a *actor) note(actions []dirAction) error {
	var homes []string
	byHome := map[string]*acts.Act{}
	for _, d := range actions {
		home, name := d.path, "."
		if d.terms != nil {
			home, name = d.terms.Home, d.terms.Stream.Name
		}
		act := byHome[home]
		if act == nil {
			act = &acts.Act{Time: now(), UID: os.Getuid(), Login: a.login, What: a.what, Reason: a.reason}
			byHome[home] = act
			homes = append(homes, home)
		}
		act.Streams = append(act.Streams, name)
		act.Days = append(act.Days, d.days...)
		act.Lines += d.lines
	}
	for _, home := range homes {
		if err := acts.Record(home, *byHome[home]); err != nil {
			return err
		}
	}
	return nil
}
