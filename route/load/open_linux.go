package load

import "syscall"

// largeFile lets a program of 32 bits open files of 2 GiB and more (open(2)).
const largeFile = syscall.O_LARGEFILE
