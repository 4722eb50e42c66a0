package kernel

// Sockets says which sockets Host.Read reads.
type Sockets uint8

// Which sockets to read.
const (
	// NoSockets are read by default: few questions are about them.
	NoSockets Sockets = iota
	// Listening are the TCP sockets that listen, and the UDP sockets.
	Listening
	// AllSockets are those with a connection as well.
	AllSockets
)
