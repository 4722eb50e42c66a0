package text

import (
	"bufio"
	"bytes"
	"io"

	"routewhy/lookup/report"
)

// manySockets is how many sockets are too many to be written with indentation.
const manySockets = 256

// ListenersJSON writes the report as one JSON object. If there are many sockets, it
// writes one line for each, and never has all of them in memory.
func ListenersJSON(w io.Writer, l *report.Listeners) error {
	for i := range l.Warnings {
		l.Warnings[i].Text = socketsFinding(&l.Warnings[i], false)
	}
	l = l.Written()
	if len(l.Sockets) > manySockets {
		return streamListeners(w, l)
	}
	enc := encoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(l)
}

func streamListeners(w io.Writer, l *report.Listeners) error {
	out := bufio.NewWriterSize(w, 1<<16)
	rest := *l
	rest.Sockets = nil
	shell, err := marshal(&rest)
	if err != nil {
		return err
	}
	before, after, _ := bytes.Cut(shell, []byte(`"sockets":null`))
	_, _ = out.Write(before) // Flush reports errors
	out.WriteString(`"sockets":[`)
	for i := range l.Sockets {
		if i > 0 {
			out.WriteString(",\n")
		}
		line, err := marshal(&l.Sockets[i])
		if err != nil {
			return err
		}
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
	out.WriteString("]")
	_, _ = out.Write(after)
	out.WriteByte('\n')
	return out.Flush()
}

// marshal is [json.Marshal] without the escapes that only HTML needs.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	err := encoder(&b).Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
