// Package record keeps a history of a host's state in files, and reads it.
//
// A record is a folder of segments. The name of a segment is its number and ends in
// [Suffix]; a later segment has a larger number. A segment begins with a line of text,
// [Magic]. Frames follow. A frame is
//
//	4 bytes  "\xf7rwf"
//	4 bytes  the size of its content
//	4 bytes  CRC-32C of all that follows
//	1 byte   the kind of its content
//	8 bytes  its time, in nanoseconds since 1970, UTC
//	         the content, compressed by zstd
//
// with the most significant byte first. The kinds are
//
//	B  a snapshot, as routewhy --save writes it, with which a recorder began, or went on
//	   after it stood still: nothing is known of the time since the frame before it.
//	S  another snapshot. A segment begins with one of these two.
//	E  events, a line of JSON each (see [route.EncodeEvent]). The frame's time is the first
//	   one's.
//	A  nothing: the recorder was running at that time, and nothing more had happened.
//	Z  nothing: the recorder ended in good order at that time.
//
// The file "lock" is locked while a recorder runs. The recorder writes into the file "alive" every
// second, without syncing, until when all is written, and the number and size of the last segment
// at that time.
//
// Segments are only appended to. If a frame is damaged or was not written whole, or a number
// is missing between two segments, a reader goes on with the next snapshot and says what is
// missing.
package record
