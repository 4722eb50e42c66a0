package record

import (
	"time"

	"golang.org/x/sys/unix"
)

// uptime is how long the machine has been running, with the time when it was suspended
// (clock_gettime(2), CLOCK_BOOTTIME). Nobody can set that clock.
func uptime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
