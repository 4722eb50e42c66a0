package report

import (
	"time"

	"routewhy/route"
)

// maxTries bounds how often everything is read and asked again.
const maxTries = 3

// lateNotice is how long after a change its notification may come: the kernel makes the
// change first, and another processor may see it at once.
const lateNotice = 10 * time.Millisecond

// Watched is what was read, and whether it was changing meanwhile.
type Watched struct {
	watch route.Watch
	// before says that there was a change in a try before the last.
	before bool
}

// Changing reports whether the tables have been changing since the last reading began.
func (w *Watched) Changing() bool { return w.before || w.watch.Changed() }

// Close ends the watch.
func (w *Watched) Close() { w.watch.Close() }

// Steady calls f, which reads from a source and answers. It calls it again if tables
// change meanwhile or if f doubts its answer, three times at most. An answer is in doubt
// if the kernel gives another; in the next tries, changes of neighbours count too. If f
// doubts its last answer and there was a change in any try, the tables were changing.
// The error is f's last one. The caller closes the result, which goes on listening.
func Steady(src route.Source, w route.Query, f func() (doubt bool, err error)) (*Watched, error) {
	ever := false
	for try := 1; ; try++ {
		w.WatchNeighbours = try > 1
		watch := src.Watch(w)
		doubt, err := f()
		changed := watch.Changed()
		if doubt && !changed {
			time.Sleep(lateNotice)
			changed = watch.Changed()
		}
		ever = ever || changed
		if try == maxTries || err != nil && !changed || err == nil && !changed && !doubt {
			if err != nil {
				watch.Close()
				return nil, err
			}
			return &Watched{watch, doubt && ever}, nil
		}
		watch.Close()
	}
}
