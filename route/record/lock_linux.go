package record

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// lock makes sure that no other process has the file locked, until it is closed. Readers see the
// lock too: see locked.
func lock(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrLocked
	}
	if err != nil {
		return os.NewSyscallError("flock", err)
	}
	err = unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart})
	return os.NewSyscallError("fcntl", err)
}

// locked reports whether another open file holds the lock. It takes no lock itself, not even for
// a moment, so that it keeps no recorder from starting.
func locked(f *os.File) (bool, error) {
	l := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &l); err != nil {
		return false, os.NewSyscallError("fcntl", err)
	}
	return l.Type != unix.F_UNLCK, nil
}

// hidesLocks reports whether a file is on a file system through which the locks of those who have
// the same file open elsewhere are not seen, such as an overlay in a container.
func hidesLocks(f *os.File) bool {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &fs); err != nil {
		return true
	}
	switch uint32(fs.Type) { // a word whose sign depends on the machine
	case unix.OVERLAYFS_SUPER_MAGIC, unix.V9FS_MAGIC, unix.FUSE_SUPER_MAGIC:
		return true
	}
	return false
}

// syncFolder makes sure that the names in a folder survive a power cut.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
