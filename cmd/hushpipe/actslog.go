package main

import (
	"fmt"
	"math"
	"os"
	"strconv"

	"hushpipe/filter"
	"hushpipe/filter/acts"
	"hushpipe/filter/policies"
	"hushpipe/format/civil"
)

// actor is who does something by hand, and why.
type actor struct {
	what   string // acts.Reveal, Find or Erase; "" where nobody is looked for
	login  string
	reason string
}

// newActor returns who runs the command, and says so where a part of the reason is left
// out: what may be an address, a telephone or the name of a client, and whom is looked for.
func newActor(what, reason string, whom []string, log *messageLog) actor {
	clean := filter.Reason(reason, whom...)
	if clean != reason {
		log.notef("--reason names what may be an address, a telephone or a client, which is left out, as it is kept for three years: it is noted as %q; hint: name the case by its number, as in \"case 12\" or \"#48213\"", clean)
	}
	return actor{what, loginID(), clean}
}

// loginID returns the user id of who logged in, whoever the process is by sudo or su
// now: by the kernel's record of the session (proc_pid_loginuid(5)), or where it keeps
// none by sudo's. "-" means nobody, as in a job of cron.
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
	terms *policies.Terms // nil: it is not a stream of a policy
	days  []civil.Day
	lines int
}

// allows returns an error where a policy does not allow the act, or asks for a reason.
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

// note notes the act in acts.log, once in each DIR, before anybody sees anything or
// anything is changed.
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
		if err := acts.Note(home, *byHome[home]); err != nil {
			return err
		}
	}
	return nil
}
