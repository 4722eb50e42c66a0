package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"time"
)

// Magic is the line that a segment begins with.
const Magic = "routewhy record 1\n"

// The kinds of frames.
const (
	kindBegin    = 'B'
	kindSnapshot = 'S'
	kindEvents   = 'E'
	kindAlive    = 'A'
	kindEnd      = 'Z'
)

const (
	frameMark = "\xf7rwf"
	// headSize is the size of a frame before its content.
	headSize = 4 + 4 + 4 + 1 + 8
	// maxFrame limits the content of a frame. A snapshot of a router with all routes of
	// the Internet has about a tenth of this.
	maxFrame = 256 << 20
)

// frame is a frame of a segment without its content.
type frame struct {
	kind byte
	time time.Time
	at   int64 // where the content begins
	size int64 // of the content
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// frameBytes is a frame as it is written.
func frameBytes(kind byte, at time.Time, content []byte) []byte {
	b := []byte(frameMark)
	b = binary.BigEndian.AppendUint32(b, uint32(len(content)))
	sum := len(b)
	b = append(b, 0, 0, 0, 0, kind)
	b = binary.BigEndian.AppendUint64(b, uint64(at.UnixNano()))
	b = append(b, content...)
	binary.BigEndian.PutUint32(b[sum:], crc32.Checksum(b[sum+4:], castagnoli()))
	return b
}

// isState reports whether the content is a snapshot.
func (f *frame) isState() bool { return f.kind == kindBegin || f.kind == kindSnapshot }

// end is where the next frame begins.
func (f *frame) end() int64 { return f.at + f.size }

// errDamaged says that a frame is not as it was written.
var errDamaged = errors.New("damaged")

// readFrame reads the frame that begins at an offset, and checks it. The error is io.EOF if
// the file ends there, and otherwise errDamaged or the file's.
func readFrame(r io.ReaderAt, at, size int64) (frame, error) {
	var head [headSize]byte
	n, err := r.ReadAt(head[:], at)
	switch {
	case n == 0 && (err == nil || err == io.EOF):
		return frame{}, io.EOF
	case n < headSize && err == io.EOF:
		return frame{}, errDamaged
	case n < headSize:
		return frame{}, err
	}
	f := frame{
		kind: head[12], at: at + headSize, size: int64(binary.BigEndian.Uint32(head[4:])),
		time: time.Unix(0, int64(binary.BigEndian.Uint64(head[13:]))),
	}
	if string(head[:4]) != frameMark || f.size > maxFrame || f.end() > size {
		return f, errDamaged
	}
	sum := crc32.New(castagnoli())
	sum.Write(head[12:])
	if _, err := io.Copy(sum, io.NewSectionReader(r, f.at, f.size)); err != nil {
		return f, err
	}
	if sum.Sum32() != binary.BigEndian.Uint32(head[8:]) {
		return f, errDamaged
	}
	return f, nil
}

// resumes finds where the next mark of a frame is after an offset; size: there is none.
func resumes(r io.ReaderAt, at, size int64) (int64, error) {
	buf := make([]byte, 64<<10)
	for at++; at < size; {
		n, err := r.ReadAt(buf, at)
		if i := bytes.Index(buf[:n], []byte(frameMark)); i >= 0 {
			return at + int64(i), nil
		}
		if err != nil && err != io.EOF {
			return 0, err
		}
		if n < len(buf) {
			break
		}
		at += int64(n - len(frameMark) + 1)
	}
	return size, nil
}

// entry is a frame of a segment, or a place where something is missing. Of the latter, only
// where it begins is known.
type entry struct {
	frame
	missing bool
	next    time.Time // the earliest time of what comes later: see [Step]
}

// maxFrames limits how many frames a segment may have.
const maxFrames = 1 << 20

// index reads all frames of a segment and checks them. After a damaged one, it goes on with
// the next snapshot, because what comes before that one cannot be trusted.
func index(r io.ReaderAt, size int64) ([]entry, error) {
	magic := make([]byte, len(Magic))
	if n, err := r.ReadAt(magic, 0); n < len(magic) && err != nil && err != io.EOF {
		return nil, err
	} else if string(magic[:n]) != Magic {
		return []entry{{missing: true}}, nil
	}
	var out []entry
	work := 4 * size // a file may be made so that each mark in it costs a lot of work
	for at := int64(len(Magic)); len(out) < maxFrames; {
		f, err := readFrame(r, at, size)
		work -= headSize + min(f.size, size)
		switch {
		case errors.Is(err, io.EOF):
			return out, nil
		case err == nil && (f.isState() || len(out) > 0 && !out[len(out)-1].missing):
			out, at = append(out, entry{frame: f}), f.end()
		case err == nil: // not trusted
			at = f.end()
		case !errors.Is(err, errDamaged):
			return out, err
		default:
			if len(out) == 0 || !out[len(out)-1].missing {
				out = append(out, entry{missing: true, frame: frame{at: at}})
			}
			if work < 0 {
				return out, nil
			}
			if at, err = resumes(r, at, size); err != nil {
				return out, err
			}
		}
	}
	return append(out, entry{missing: true}), nil
}
