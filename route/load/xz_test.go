package load_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"routewhy/route/load"
)

// TestXZDictionary reads the same listing compressed with a small and with a large
// dictionary: the reader would take the large one's memory at once.
func TestXZDictionary(t *testing.T) {
	for size, want := range map[int]string{8 << 20: "", 1 << 30: "looks back 1024 MiB"} {
		var small, b bytes.Buffer
		w, err := xz.NewWriter(&small)
		must(t, err)
		_, err = w.Write([]byte("default via 192.0.2.1 dev eth0\n"))
		must(t, err)
		must(t, w.Close())
		b.Write(small.Bytes())
		if size > 8<<20 { // a writer would take as much: the property alone is changed
			b.Bytes()[bytes.Index(b.Bytes()[12:], []byte{0x21, 1})+14] = 36
		}
		_, err = load.Files(&b, load.Stdin)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%d bytes: %v; want %q", size, err, want)
		}
	}
}
