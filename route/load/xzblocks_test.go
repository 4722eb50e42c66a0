package load

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"
)

// TestXZBlocks: a file is refused if its blocks together want to look back too far, even if
// each of them wants little. The test leaves out the decompressor, which would allocate
// that memory.
func TestXZBlocks(t *testing.T) {
	var one bytes.Buffer
	w, err := xz.WriterConfig{DictCap: maxWindow}.NewWriter(&one)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "x"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for blocks, want := range map[int]string{
		maxLookBack / maxWindow:   "",
		maxLookBack/maxWindow + 1: "look back more than 8192 MiB in all",
	} {
		file := bytes.Repeat(one.Bytes(), blocks)
		x := &xzBlocks{r: bufio.NewReader(bytes.NewReader(file)), at: xzStream, left: maxLookBack}
		n, err := io.Copy(io.Discard, x)
		if want == "" && (err != nil || n != int64(len(file))) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%d blocks: %d bytes, %v; want %q", blocks, n, err, want)
		}
	}
}
