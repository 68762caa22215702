// Package filter processes log lines between the web server and the disk: it replaces
// addresses by pseudonyms, strikes out secrets, counts the clients in rooms, and assigns
// each line to a day. It fails closed: what it cannot parse, it replaces.
//
// # The goroutines of a logger
//
//	 pipe
//	  |  bytes (package input), committed once their lines are written (commitTracker)
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
//	  |             |  dirty days                        ^                 |
//	  v             |          +-----------------+       |                 |  counts of
//	access-DATE.log +--------> | counts.Ledger   | ------+ <---------------+  expiring journals
//	                           +-----------------+
//
// The reader owns the [Filter] with its days, caches and buffers. It waits only for the
// [Queue], when that is full. If the input has only a few lines, the reader writes them to
// the [Sink] itself; if the write takes long, another goroutine continues reading.
//
// The writer holds the lock for calls of the Sink, and owns the Store's work: the files of
// the days and the journals of this process. It may wait for the disk indefinitely. Meanwhile
// lines collect in the Queue; beyond its bound they are dropped and counted.
//
// A round owns the room files and the union of all journals, including those of the traffic
// figures, and saves keys to the disk. The writer starts it, and waits for it only briefly.
// One round runs at a time.
//
// The Keeper owns the leases of the retention periods. It depends on none of the others, so
// that nothing on the path of the lines delays a deletion. It deletes each kind of file in a
// goroutine of its own, since the kinds may be on different disks.
//
// With a policy the reader owns [Streams]: it parses each line once, and each stream has a
// Filter that treats it. A [Fan] passes the results to one Queue for each stream. Each stream
// has its own writer, Store, round and Keeper, so that a disk that hangs delays only its own
// stream. The bytes of the pipe are committed once all streams have written their lines.
//
// One goroutine of the command follows the policies that DIR records: once a minute it sets
// the gates of the streams, which the reader checks, and shortens the periods of Keepers.
//
// If a stream holds lines back for groups, its Store has one more goroutine, which runs once
// a minute and soon after lines were held: it counts people from all journals, opens groups,
// and releases or deletes the lines in DIR/held. The reader asks which groups are open.
//
// These goroutines share four things. Three have a lock that is held only briefly: the
// Queue's list of batches (reader and writer), the keyring.Ring (reader, round, Keeper) and
// the counts.Ledger (writer, round, Keeper). The fourth, the window of open days, is replaced
// as a whole. Metrics and status read copies: [Filter.Snapshot], registry.Gauges. Groups and
// traffic figures have one lock for queries of the reader and the writer, and another for
// their own work, which may wait for the disk.
//
// # Related packages and types
//
// Package guard treats single texts: it replaces addresses, names and secrets in them, and
// treats malformed lines. This package handles whole lines: the meaning of the fields, the
// fields that a stream keeps, the client, and the day.
//
// A [Replay] has a Filter for each processor. An orderedDedup finds which of their pairs of
// room and address are new, in the order of the input.
package filter
