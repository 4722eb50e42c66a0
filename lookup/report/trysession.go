package report

// TrySession is the part of a [Try] that is about sockets, the way back and the kernel's
// own answer.
type TrySession struct{}

// LosesYours reports whether a session of the caller's would be lost.
func (t *TrySession) LosesYours() bool { return false }

// Disagrees reports whether the kernel's rehearsal ended otherwise.
func (t *TrySession) Disagrees() bool { return false }
