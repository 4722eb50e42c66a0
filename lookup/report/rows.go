package report

import (
	"encoding/json"
	"iter"
)

// Rows are many values of a report. Each is made when it is asked for. The zero value has
// none.
type Rows[T any] struct {
	n  int
	at func(int) *T
}

// Len is how many there are.
func (r *Rows[T]) Len() int { return r.n }

// At makes one of them, by its place from 0.
func (r *Rows[T]) At(i int) *T { return r.at(i) }

// All makes one after the other.
func (r *Rows[T]) All() iter.Seq2[int, *T] {
	return func(yield func(int, *T) bool) {
		for i := range r.n {
			if !yield(i, r.at(i)) {
				return
			}
		}
	}
}

// MarshalJSON gives an array of all.
func (r Rows[T]) MarshalJSON() ([]byte, error) {
	all := make([]*T, r.n)
	for i, x := range r.All() {
		all[i] = x
	}
	return encode(all)
}

// UnmarshalJSON reads an array.
func (r *Rows[T]) UnmarshalJSON(b []byte) error {
	var all []T
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	r.n, r.at = len(all), func(i int) *T { return &all[i] }
	return nil
}
