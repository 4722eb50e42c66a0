package load

import (
	"bufio"
	"encoding/binary"
	"fmt"

	"github.com/ulikunitz/xz/lzma"
)

// fitsXZ refuses an .xz file whose first block wants more than maxWindow to look back,
// which the decompressor would take at once, whatever is in the file. What is damaged is
// left to the decompressor. The names are those of the .xz file format 1.2.1, 3.1.
func fitsXZ(r *bufio.Reader) error {
	const (
		streamHeader                   = 12
		lzma2                          = 0x21
		hasCompressed, hasUncompressed = 0x40, 0x80
	)
	head, _ := r.Peek(streamHeader + 1024) // a block header has 1024 bytes at most
	if len(head) < streamHeader+2 {
		return nil
	}
	head = head[streamHeader:]
	head = head[:min(len(head), 4*(int(head[0])+1))]
	flags, rest := head[1], head[2:]
	for _, has := range []byte{hasCompressed, hasUncompressed} {
		if flags&has != 0 {
			_, n := binary.Uvarint(rest)
			rest = rest[max(n, 0):]
		}
	}
	for range flags&3 + 1 {
		id, n := binary.Uvarint(rest)
		rest = rest[max(n, 0):]
		size, n := binary.Uvarint(rest)
		rest = rest[max(n, 0):]
		if size == 0 || size > uint64(len(rest)) {
			return nil
		}
		if id == lzma2 {
			if dict, err := lzma.DecodeDictCap(rest[0]); err == nil && dict > maxWindow {
				return fmt.Errorf("looks back %d MiB, of which no more than %d are kept: compress it with less (xz -6)", dict>>20, maxWindow>>20)
			}
		}
		rest = rest[size:]
	}
	return nil
}
