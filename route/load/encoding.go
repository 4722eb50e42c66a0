package load

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// plainText removes a byte order mark. It turns UTF-16, which Windows writes, into
// UTF-8.
func plainText(r *bufio.Reader) *bufio.Reader {
	head, _ := r.Peek(4)
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(head, []byte("\ufeff")):
		_, _ = r.Discard(len("\ufeff"))
		return r
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
		_, _ = r.Discard(2)
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		order = binary.BigEndian
		_, _ = r.Discard(2)
	case len(head) == 4 && head[0] != 0 && head[1] == 0 && head[2] != 0 && head[3] == 0:
		order = binary.LittleEndian
	case len(head) == 4 && head[0] == 0 && head[1] != 0 && head[2] == 0 && head[3] != 0:
		order = binary.BigEndian
	default:
		return r
	}
	return bufio.NewReader(&wide{r: r, order: order})
}

// wide reads UTF-16 as UTF-8.
type wide struct {
	r     *bufio.Reader
	order binary.ByteOrder
	rest  []byte // bytes of the last character that are not handed over yet
}

func (w *wide) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if len(w.rest) > 0 {
			k := copy(p[n:], w.rest)
			n, w.rest = n+k, w.rest[k:]
			continue
		}
		c, err := w.unit()
		if err != nil {
			if n > 0 {
				return n, nil
			}
			return 0, err
		}
		if utf16.IsSurrogate(c) {
			low, err := w.unit()
			if err != nil {
				low = utf8.RuneError
			}
			c = utf16.DecodeRune(c, low)
		}
		w.rest = utf8.AppendRune(w.rest[:0:0], c)
	}
	return n, nil
}

// unit is the next two bytes as a number.
func (w *wide) unit() (rune, error) {
	var b [2]byte
	if _, err := io.ReadFull(w.r, b[:]); err != nil {
		if err == io.ErrUnexpectedEOF {
			err = io.EOF // half a character
		}
		return 0, err
	}
	return rune(w.order.Uint16(b[:])), nil
}
