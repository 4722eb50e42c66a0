package report

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"

	"routewhy/lookup"
)

// Reason says why, as a code of a closed list and its operands. The comment at each code
// in package lookup says what its operands are.
type Reason struct {
	Code lookup.Code `json:"code"`
	// Want is what was asked for or what the winner has.
	Want Operand `json:"want,omitzero"`
	// Have is what the packet or the loser has.
	Have Operand `json:"have,omitzero"`
}

// Operand is what a reason is about: a number, or the text of anything else. The zero
// Operand: nothing.
type Operand struct {
	v any // nil, an int64 or a string
}

// Text is an operand that is a text.
func Text(s string) Operand { return Operand{s} }

// IsZero reports whether there is no operand.
func (o Operand) IsZero() bool { return o.v == nil }

// String is the text, or the number in decimal; empty: there is no operand.
func (o Operand) String() string {
	if n, ok := o.v.(int64); ok {
		return strconv.FormatInt(n, 10)
	}
	s, _ := o.v.(string)
	return s
}

// Number is the operand as a number; zero where it is a text.
func (o Operand) Number() int64 {
	n, _ := o.v.(int64)
	return n
}

// MarshalJSON gives a number, a string or null.
func (o Operand) MarshalJSON() ([]byte, error) { return encode(o.v) }

// UnmarshalJSON reads the same.
func (o *Operand) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		var s string
		err := json.Unmarshal(b, &s)
		o.v = s
		return err
	}
	var n *int64
	err := json.Unmarshal(b, &n)
	if o.v = nil; n != nil {
		o.v = *n
	}
	return err
}

func newReasons(all []lookup.Reason) []Reason {
	var out []Reason
	for _, r := range all {
		out = append(out, NewReason(r))
	}
	return out
}

// NewReason takes over a reason of package lookup.
func NewReason(r lookup.Reason) Reason {
	return Reason{Code: r.Code, Want: operand(r.Want), Have: operand(r.Have)}
}

func reasons(all []lookup.Reason) []Reason {
	var out []Reason
	for _, r := range all {
		out = append(out, NewReason(r))
	}
	return out
}

// operand is a value of package lookup for JSON: an integer stays a number, all else
// becomes text. The zero address is no operand.
func operand(value any) Operand {
	switch v := value.(type) {
	case nil:
		return Operand{}
	case string:
		return Operand{v}
	case encoding.TextMarshaler:
		b, err := v.MarshalText()
		if err != nil || len(b) == 0 {
			return Operand{}
		}
		return Operand{string(b)}
	}
	switch v := reflect.ValueOf(value); {
	case v.CanInt():
		return Operand{v.Int()}
	case v.CanUint() && v.Uint() <= math.MaxInt64:
		return Operand{int64(v.Uint())}
	}
	return Operand{fmt.Sprint(value)}
}
