package policy

import "slices"

// eventSet is events under one name.
type eventSet struct {
	name   string
	events []Event
}

var eventSets = []eventSet{
	{"http", []Event{
		{Name: "not-found", Condition: Condition{Status: []StatusRange{{404, 404}, {410, 410}}}},
		{Name: "denied", Condition: Condition{Status: []StatusRange{{401, 401}, {403, 403}}}},
		{Name: "error", Condition: Condition{Status: []StatusRange{{500, 599}}}},
	}},
	{"wordpress", nil},
	{"drupal", nil},
	{"typo3", nil},
}

// SetNames are the names of the ready-made sets of events.
func SetNames() (list []string) {
	for _, s := range eventSets {
		list = append(list, s.name)
	}
	return list
}

// Events returns all events in the order of the file: those of the sets, then its own.
// The first that fits names a line.
func (p *Policy) Events() (list []Event) {
	for _, name := range p.Sets {
		i := slices.IndexFunc(eventSets, func(s eventSet) bool { return s.name == name })
		list = append(list, eventSets[i].events...)
	}
	return append(list, p.Own...)
}

// eventNames returns the names of all events, each once.
func (p *Policy) eventNames() (list []string) {
	for _, e := range p.Events() {
		if e.Name != "" && !slices.Contains(list, e.Name) {
			list = append(list, e.Name)
		}
	}
	return list
}
