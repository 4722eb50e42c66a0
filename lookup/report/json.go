package report

import (
	"bytes"
	"encoding/json"
)

// Parts that few answers have. Before encoding/json writes a value it prepares all types
// that the value may hold, which takes longer than to write it; a type that has a
// MarshalJSON is prepared when one is there.

// MarshalJSON gives an object of all fields.
func (r *Reply) MarshalJSON() ([]byte, error) {
	type fields Reply
	return encode((*fields)(r))
}

// MarshalJSON gives an object of all fields.
func (s *Sockets) MarshalJSON() ([]byte, error) {
	type fields Sockets
	return encode((*fields)(s))
}

// MarshalJSON gives an object of all fields.
func (s *SocketLookup) MarshalJSON() ([]byte, error) {
	type fields SocketLookup
	return encode((*fields)(s))
}

// encode is [json.Marshal], except that it leaves <, > and & as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}
