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

// record is what a host tells of itself and of a day.
type record struct {
	Name     string    `json:"name"`
	Seen     time.Time `json:"seen"`   // all that the host had counted by then is in the engine
	Since    string    `json:"since"`  // day from which its pairs are sent
	Closed   bool      `json:"closed"` // the day is over there
	Pairs    int       `json:"pairs"`  // in its journals, those of two processes twice
	Overflow uint64    `json:"overflow"`
	Keys     []string  `json:"keys"` // ids of the keys that they were counted under
	Settings []string  `json:"settings"`
	Oldest   string    `json:"oldest"` // day of its oldest key
	Keep     int       `json:"keep"`   // for how many days it keeps keys
	Resends  int       `json:"resends"`
	Confined string    `json:"confined,omitempty"` // what the kernel keeps its process from
	Claim    string    `json:"claim"`              // claimID of that under which the engine had all of it
}

// claimID tells one claim of a day from the next, after the engine was wiped: no two are
// sealed by the same nonce.
func claimID(sealed string) string {
	return hex.EncodeToString([]byte(sealed[:min(nonceSize, len(sealed))]))
}

var errRecord = errors.New("is not a record of a host")

// mostRecord bounds a record, in bytes.
const mostRecord = 64 << 10

// appendTo appends the record as text.
func (r record) text() []byte {
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // of such fields there is none
	}
	return text
}

// parseRecord reads it. Whoever has the day's key may have written anything.
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
