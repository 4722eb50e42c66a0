package main

import (
	"fmt"
	"io"
	"time"
)

// progress shows on a terminal how far a long job has come. It uses one line and
// writes over it each time.
type progress struct {
	w     io.Writer
	on    bool
	begun time.Time
	told  time.Time
	shown bool
}

const (
	progressAfter = 2 * time.Second // shorter work does not need it
	progressEvery = 200 * time.Millisecond
)

// update says how many lines are done.
func (p *progress) update(lines int) {
	if !p.on {
		return
	}
	now := time.Now()
	if p.begun.IsZero() {
		p.begun, p.told = now, now
	}
	if now.Sub(p.begun) < progressAfter || now.Sub(p.told) < progressEvery {
		return
	}
	p.told, p.shown = now, true
	fmt.Fprintf(p.w, "\r%d lines, %.0f a second ", lines, float64(lines)/now.Sub(p.begun).Seconds())
}

// clear removes the line, so that another line can be written.
func (p *progress) clear() {
	if p.shown {
		p.shown = false
		fmt.Fprintf(p.w, "\r\x1b[K")
	}
}
