package load_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"routewhy/route/load"
)

// compressed is a text as an .xz file of one stream. c says how large its blocks are.
func compressed(t *testing.T, text string, c xz.WriterConfig) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := c.NewWriter(&b)
	must(t, err)
	_, err = w.Write([]byte(text))
	must(t, err)
	must(t, w.Close())
	return b.Bytes()
}

// lookingBack changes the last block of an .xz file so that it wants to look back 1 GiB. A
// writer that made such a block would need as much memory itself.
func lookingBack(file []byte) []byte {
	const property = 36
	out := bytes.Clone(file)
	i := bytes.LastIndex(out, []byte{0x02, 0x00, 0x21, 0x01})
	if i < 0 {
		i = bytes.LastIndex(out, []byte{0x21, 0x01})
	} else {
		i += 2
	}
	out[i+2] = property
	return out
}

// TestXZ reads listings of several streams and blocks, with each kind of check.
func TestXZ(t *testing.T) {
	var text, more strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&text, "10.%d.%d.0/24 via 192.0.2.1 dev eth0 metric %d\n", i>>8, i&255, i*7)
		fmt.Fprintf(&more, "11.%d.%d.0/24 via 192.0.2.1 dev eth0 metric %d\n", i>>8, i&255, i*7)
	}
	for _, check := range []byte{xz.CRC32, xz.CRC64, xz.SHA256} {
		for _, block := range []int64{0, 1000, 4099} {
			c := xz.WriterConfig{CheckSum: check, BlockSize: block, DictCap: 1 << 16}
			one := compressed(t, text.String(), c)
			file := bytes.Join([][]byte{one, make([]byte, 8), compressed(t, "", c), compressed(t, more.String(), c), make([]byte, 4)}, nil)
			r, err := load.Files(bytes.NewReader(file), load.Stdin)
			if err != nil || r.Routes.Len() < 10_000 {
				t.Fatalf("check %d, blocks of %d: %v, %+v", check, block, err, r)
			}
		}
	}
}

// TestXZDictionary: blocks that want to look back too far are refused in every place of a
// file, because the reader would allocate that memory at once.
func TestXZDictionary(t *testing.T) {
	const text = "default via 192.0.2.1 dev eth0\n"
	one := compressed(t, text, xz.WriterConfig{})
	blocks := compressed(t, strings.Repeat(text, 4), xz.WriterConfig{BlockSize: int64(len(text)), DictCap: 1 << 16})
	for name, tt := range map[string]struct {
		file []byte
		want string
	}{
		"small":            {one, ""},
		"several blocks":   {blocks, ""},
		"the first block":  {lookingBack(one), "looks back 1024 MiB"},
		"a later block":    {lookingBack(blocks), "looks back 1024 MiB"},
		"a later stream":   {bytes.Join([][]byte{one, lookingBack(one)}, nil), "looks back 1024 MiB"},
		"behind padding":   {bytes.Join([][]byte{one, make([]byte, 400), lookingBack(one)}, nil), "looks back 1024 MiB"},
		"cut in a header":  {one[:20], "it ends in the middle"},
		"cut in a block":   {one[:len(one)-40], "it ends in the middle"},
		"cut in the index": {one[:len(one)-20], "it ends in the middle"},
		"cut in the end":   {one[:len(one)-3], "it ends in the middle"},
	} {
		_, err := load.Files(bytes.NewReader(tt.file), load.Stdin)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v; want %q", name, err, tt.want)
		}
	}
}
