//go:build !linux

package record

import "time"

// uptime is unknown: no host is recorded on this system.
func uptime() time.Duration { return 0 }
