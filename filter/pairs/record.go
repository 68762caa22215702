package pairs

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/format/civil"
	"hushpipe/format/roomfile"
)

// record is what a host reports about itself and a day.
type record struct {
	Name     string    `json:"name"`
	Seen     time.Time `json:"seen"`   // the engine has everything that the host had counted by then
	Since    string    `json:"since"`  // day from which its pairs are sent
	Closed   bool      `json:"closed"` // the day is over on the host
	Pairs    int       `json:"pairs"`  // in its journals; pairs of two processes count twice
	Overflow uint64    `json:"overflow"`
	Keys     []string  `json:"keys"` // ids of the keys the pairs were counted under
	Settings []string  `json:"settings"`
	Oldest   string    `json:"oldest"` // day of its oldest key
	Keep     int       `json:"keep"`   // for how many days it keeps keys
	Resends  int       `json:"resends"`
	Confined string    `json:"confined,omitempty"` // how its process is confined
	Claim    string    `json:"claim"`              // claimID of the claim under which the engine had everything
}

// claimID identifies a claim of a day. A wiped engine gets another claim: no two are sealed
// with the same nonce.
func claimID(sealed string) string {
	return hex.EncodeToString([]byte(sealed[:min(nonceSize, len(sealed))]))
}

var errRecord = errors.New("is not a record of a host")

// mostRecord bounds the size of a record, in bytes.
const mostRecord = 64 << 10

// text returns the record as JSON.
func (r record) text() []byte {
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // cannot happen for these types
	}
	return text
}

// parseRecord parses and checks a record. Any holder of the day's key may have written it.
func parseRecord(text []byte) (r record, err error) {
	if len(text) > mostRecord || json.Unmarshal(text, &r) != nil || roomfile.CheckHost(r.Name) != nil || r.Pairs < 0 || r.Resends < 0 || r.Keep < 0 || r.Keep > calendar.MaxPeriod {
		return record{}, errRecord
	}
	for _, date := range []string{r.Oldest, r.Since} {
		if _, ok := civil.ParseDay(date); !ok && date != "" {
			return record{}, errRecord
		}
	}
	if _, err := r.keyIDs(); err != nil {
		return record{}, err
	}
	return r, nil
}

func (r record) keyIDs() (ids []roomfile.KeyID, err error) {
	for _, text := range r.Keys {
		id, err := hex.DecodeString(text)
		if err != nil || len(id) != len(roomfile.KeyID{}) {
			return nil, errRecord
		}
		ids = append(ids, roomfile.KeyID(id))
	}
	return ids, nil
}
