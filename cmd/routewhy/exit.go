package main

import "errors"

// The exit statuses. They are a contract with scripts.
const (
	exitOK       = 0 // every destination has a usable answer
	exitNoRoute  = 1 // at least one destination has no route, its route refuses it or a part of its flows, or its way out is dead
	exitDiffers  = 1 // --diff: the two differ
	exitUsage    = 2 // the command line is wrong
	exitNoAnswer = 3 // could not answer: tables unreadable, no such namespace or device
	exitDisagree = 4 // routewhy and the kernel disagree
)

// statusError ends the program with an exit status and writes nothing to standard
// error, because the results on standard output already say everything.
type statusError int

func (e statusError) Error() string { return "exit status " + string('0'+rune(e)) }

// statusOf is the exit status for the error that ended the program.
func statusOf(err error) int {
	var status statusError
	var usage *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &status):
		return int(status)
	case errors.As(err, &usage):
		return exitUsage
	}
	return exitNoAnswer
}
