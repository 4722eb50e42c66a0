package load

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

// newXZ reads an .xz file.
func newXZ(r *bufio.Reader) (io.Reader, error) {
	z, err := xz.NewReader(&xzBlocks{r: r, at: xzStream, left: maxLookBack})
	return &ending{r: z}, err
}

// ending is a reader that stays at its end after an error. It is needed because the
// decompressor would go on, and a bufio.Reader forgets an error that it got while
// peeking.
type ending struct {
	r   io.Reader
	err error
}

func (e *ending) Read(p []byte) (n int, err error) {
	if e.err == nil {
		n, e.err = e.r.Read(p)
	}
	return n, e.err
}

// maxLookBack is how many bytes all blocks of an .xz file together may want to look
// back. For each block that much memory is allocated and cleared, and a few bytes of a
// file can make many blocks.
const maxLookBack = 8 << 30

// xzBlocks passes an .xz file on to the decompressor. For each block, the decompressor
// allocates at once the memory that the block wants to look back, even if the block has
// little content. So xzBlocks checks the header of every block of every stream first.
// It leaves damaged parts to the decompressor. The names are those of the .xz file
// format 1.2.1, and of LZMA2's chunks.
type xzBlocks struct {
	r     *bufio.Reader
	skip  int64 // bytes to pass on before the next look
	at    xzPart
	check int64 // bytes of the check after each block
	size  int64 // of the block's chunks so far, or of the index
	items int64 // numbers of the index that still follow
	left  int64 // bytes that blocks may still look back
}

// xzPart is what comes next in an .xz file.
type xzPart uint8

const (
	xzStream xzPart = iota // its header, padding, or the end
	xzBlock                // its header, or the index
	xzChunk                // a chunk of LZMA2
	xzIndex                // a number of the index
)

func (x *xzBlocks) Read(p []byte) (int, error) {
	for x.skip == 0 {
		if err := x.look(); err != nil {
			return 0, err
		}
	}
	n, err := x.r.Read(p[:min(int64(len(p)), x.skip)])
	if x.skip -= int64(n); err == io.EOF && x.skip > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// look finds out how many bytes can be passed on before the next look.
func (x *xzBlocks) look() error {
	head, err := x.r.Peek(12) // no part needs more, except for a block's header
	if len(head) == 0 && x.at != xzStream && err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	if len(head) == 0 {
		return err
	}
	if len(head) < 12 {
		head = append(bytes.Clone(head), make([]byte, 12-len(head))...)
	}
	switch x.at {
	case xzStream:
		x.stream(head)
	case xzBlock:
		return x.block(head)
	case xzChunk:
		x.chunk(head)
	case xzIndex:
		x.index(head)
	}
	return nil
}

func (x *xzBlocks) stream(head []byte) {
	if binary.LittleEndian.Uint32(head) == 0 {
		x.skip = 4
		return
	}
	x.check = [16]int64{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}[head[7]&0xf]
	x.skip, x.at = 12, xzBlock
}

func (x *xzBlocks) block(head []byte) error {
	x.size = 0
	if head[0] == 0 {
		count, n := binary.Uvarint(head[1:])
		x.skip, x.items, x.at = 1+int64(max(n, 0)), int64(count)*2, xzIndex
		if n <= 0 || count > math.MaxInt32 {
			x.skip = math.MaxInt64
		}
		x.size = x.skip
		x.endIndex()
		return nil
	}
	header, _ := x.r.Peek(4 * (int(head[0]) + 1))
	x.skip, x.at = 4*(int64(head[0])+1), xzChunk
	back := lookBack(header)
	if back > maxWindow {
		return fmt.Errorf("looks back %d MiB, of which no more than %d are kept: compress it with less (xz -6)", back>>20, maxWindow>>20)
	}
	if x.left -= back; x.left < 0 {
		return fmt.Errorf("has blocks that look back more than %d MiB in all", maxLookBack>>20)
	}
	return nil
}

func (x *xzBlocks) chunk(head []byte) {
	switch control := head[0]; {
	case control == 0:
		x.size++
		x.skip, x.at = 1+padding(x.size)+x.check, xzBlock
		return
	case control <= 2:
		x.skip = 3 + int64(binary.BigEndian.Uint16(head[1:])) + 1
	case control < 0x80:
		x.skip = math.MaxInt64
	default:
		x.skip = 5 + int64(binary.BigEndian.Uint16(head[3:])) + 1
		if control >= 0xc0 {
			x.skip++
		}
	}
	x.size += x.skip
}

func (x *xzBlocks) index(head []byte) {
	_, n := binary.Uvarint(head)
	x.skip = int64(n)
	if n <= 0 {
		x.skip = math.MaxInt64
	}
	x.items--
	x.size += x.skip
	x.endIndex()
}

// endIndex goes on to the end of the stream if the index's last number was read.
func (x *xzBlocks) endIndex() {
	const crc, footer = 4, 12
	if x.items == 0 && x.skip != math.MaxInt64 {
		x.skip, x.at = x.skip+padding(x.size)+crc+footer, xzStream
	}
}

// padding is how many bytes are missing to the next multiple of four.
func padding(size int64) int64 { return -size & 3 }

// lookBack is how many bytes a block wants to look back, by its header (3.1); zero: the
// header is damaged.
func lookBack(header []byte) int64 {
	const (
		lzma2                          = 0x21
		hasCompressed, hasUncompressed = 0x40, 0x80
	)
	if len(header) < 2 {
		return 0
	}
	flags, rest := header[1], header[2:]
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
			return 0
		}
		if id == lzma2 {
			if dict, err := lzma.DecodeDictCap(rest[0]); err == nil {
				return dict
			}
		}
		rest = rest[size:]
	}
	return 0
}
