package statement

import (
	"slices"
	"strings"
)

func contains(list []string, s string) bool { return slices.Contains(list, s) }

// appendNew appends what list has not, but for one.
func appendNew(list, more []string, but string) []string {
	for _, s := range more {
		if s != but && !contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// brands are the names of what rooms and events are of.
var brandNames = map[string]string{
	"wordpress": "WordPress", "drupal": "Drupal", "typo3": "TYPO3", "jitsi": "Jitsi Meet", "jitsi-pages": "Jitsi Meet (pages)", "greenlight": "Greenlight",
	"bigbluebutton": "BigBlueButton", "nextcloud-talk": "Nextcloud Talk", "etherpad": "Etherpad",
}

func brands(names []string) (list []string) {
	for _, name := range names {
		if brand, ok := brandNames[name]; ok {
			name = brand
		}
		list = append(list, name)
	}
	return list
}

// presets are the rooms of a policy without the one that stands for none.
func presets(names []string) []string {
	return brands(slices.DeleteFunc(slices.Clone(names), func(s string) bool { return s == "none" }))
}

// redacted returns the parameters of --redact, and whether they are all there are.
func redacted(lists []string) (names []string, replaced bool) {
	for _, list := range lists {
		own, anew := strings.CutPrefix(list, "=")
		if anew {
			names, replaced = nil, true
		}
		for name := range strings.SplitSeq(own, ",") {
			if name != "" {
				names = append(names, name)
			}
		}
	}
	return names, replaced
}
