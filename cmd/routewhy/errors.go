package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"unicode"
)

// What is written to standard error follows these rules: one line `routewhy: fault`,
// lower case and without a full stop; below it a line `hint: …` for each thing that
// the user could do about the fault. Text that came from outside is quoted, and
// nothing unprintable reaches the terminal.

// errorWithHint says what went wrong, and what to try.
type errorWithHint struct {
	error
	hints []string
}

func (e *errorWithHint) Unwrap() error { return e.error }

func (e *errorWithHint) ownHints() []string { return e.hints }

// withHint adds hints to an error. Nil stays nil.
func withHint(err error, hints ...string) error {
	if err == nil {
		return nil
	}
	return &errorWithHint{err, hints}
}

// hintsOf collects the hints of an error and of the errors that it wraps, outermost
// first.
func hintsOf(err error) []string {
	var hints []string
	for err != nil {
		if h, ok := err.(interface{ ownHints() []string }); ok {
			hints = append(hints, h.ownHints()...)
		}
		err = errors.Unwrap(err)
	}
	return hints
}

// usageError is a fault in the command line.
type usageError struct{ errorWithHint }

// usagef makes a usage error without hints; see [usageError.hint].
func usagef(format string, args ...any) *usageError {
	return &usageError{errorWithHint{error: fmt.Errorf(format, args...)}}
}

// hint adds a hint.
func (e *usageError) hint(format string, args ...any) *usageError {
	e.hints = append(e.hints, fmt.Sprintf(format, args...))
	return e
}

// reportError writes an error and its hints, and returns the exit status.
func reportError(w io.Writer, err error) int {
	status := statusOf(err)
	var silent statusError
	if err == nil || errors.As(err, &silent) {
		return status
	}
	text := plainText(err)
	fmt.Fprintf(w, "routewhy: %s\n", printable(text))
	for _, hint := range hintsOf(err) {
		fmt.Fprintf(w, "hint: %s\n", printable(hint))
	}
	return status
}

// plainText is what an error says. About a file it says which one and what is wrong with
// it, and not by which call that was found out.
func plainText(err error) string {
	if errors.Is(err, context.Canceled) {
		return "interrupted"
	}
	text := err.Error()
	if file := new(fs.PathError); errors.As(err, &file) {
		text = strings.Replace(text, file.Error(), file.Path+": "+file.Err.Error(), 1)
	}
	return text
}

// printable escapes characters that would move the cursor or start another line.
func printable(s string) string {
	if strings.IndexFunc(s, unprintable) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unprintable(r) {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func unprintable(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }
