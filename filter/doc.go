// Package filter implements what happens to a log line between the web server
// and the disk: its addresses become pseudonyms, its secrets are struck out,
// its room is counted, and it is sorted to its day. It fails closed: what it
// does not understand it replaces.
//
// # The goroutines of a logger
//
//	 pipe
//	  |  bytes (package input); committed once they are written (commitTracker)
//	  v
//	+---------------------+  Place, Key, Epoch, Hasher   +---------------------+
//	| reader: Filter.Run  | ---------------------------> | days, keyring.Ring  |
//	| router -> rewriter  |                              +---------------------+
//	|        -> counter   |                                 ^            ^
//	+---------------------+                                 | keys       | window
//	  |  Batch: lines and records of each day               |            |
//	  v                                                     |            |
//	+---------------------+  starts once a minute   +-------------+  +--------------------+
//	| writer: Queue       | ----------------------> | round       |  | retention.Keeper   |
//	| Store.Append, Count |                         | Store.run   |  | deletes by itself  |
//	| daylog, Journals    |                         | Files, keys |  | each minute        |
//	+---------------------+                         +-------------+  +--------------------+
//	  |             |  days to renew                     ^                 |
//	  v             |          +-----------------+       |                 |  what expired
//	access-DATE.log +--------> | counts.Ledger   | ------+ <---------------+  journals held
//	                           +-----------------+
//
// The reader owns the [Filter]: what it knows of the days, the caches, the buffers. It
// waits for nobody but the [Queue], when that is full. Where few lines come, it takes
// them to the [Sink] itself, and another goroutine reads on if that takes long.
//
// The writer owns the Queue's turn, and with it the Store's work: the files of the days
// and the journals of this process. It may wait for the disk for as long as it takes;
// then lines wait in the Queue, and are dropped and counted past its bound.
//
// A round owns the room files and the union of all journals, those of the traffic figures
// as well, and brings keys to the disk. The writer starts it and never waits for it longer than a moment; there is one at
// a time.
//
// The Keeper owns the leases of the periods. It asks none of the others, so that nothing
// on the path of the lines delays what has to be deleted, and it deletes each kind of
// file in a goroutine of its own, since they may lie on different disks.
//
// With a policy the reader owns [Streams]: it reads each line once, and a Filter for each
// stream treats it. A [Fan] brings what comes of them to the Queues, one for each stream,
// each with a writer, a Store, a round and a Keeper of its own: a disk that hangs holds up
// its own stream alone. The bytes of the pipe are committed once all have written theirs.
//
// One goroutine of the command follows the policy that DIR records: once a minute it sets
// the gates of the streams, which the reader looks at, and tells Keepers of shorter
// periods.
//
// Where lines wait for people, a Store has a goroutine of groups, which begins after lines
// were held and once a minute: it counts the people that all journals tell of, opens
// groups and releases or deletes the lines in DIR/held. The reader asks for the groups
// that are open.
//
// They meet in four places, each with one lock that is held for moments only: the Queue's
// list of batches (reader and writer), the keyring.Ring (reader, round, Keeper), the
// counts.Ledger (writer, round, Keeper), and the window of the days, which is swapped as a
// whole. Metrics and status read atomic copies: [Filter.Snapshot], registry.Gauges.
// Groups and traffic figures have a lock each for what is asked by the reader or the
// writer, and another for their own work, which may wait for the disk.
//
// # What is elsewhere
//
// Package guard has what is done with one text: addresses, names and secrets in it, and
// malformed lines. This package keeps what knows a line: which of its fields is what, which
// of them a stream keeps, whose line it is and of which day.
//
// A [Replay] has a Filter for each processor. An orderedDedup finds
// which of their pairs of room and address are new, in the order of the input.
package filter
