package route

import (
	"fmt"
	"strconv"
	"strings"
)

// Errno is a Linux error number, as RTM_GETROUTE and connect(2) return it. It has
// its own type because routewhy can reason about a Linux host on any operating
// system, and other systems have other numbers. Zero: no error.
type Errno uint16

// The errors that a look-up or a change of the tables can return.
const (
	EPERM         Errno = 1
	ENOENT        Errno = 2
	ESRCH         Errno = 3
	ENXIO         Errno = 6
	E2BIG         Errno = 7
	EAGAIN        Errno = 11
	EACCES        Errno = 13
	EBUSY         Errno = 16
	EEXIST        Errno = 17
	EXDEV         Errno = 18
	ENODEV        Errno = 19
	EINVAL        Errno = 22
	ERANGE        Errno = 34
	ELOOP         Errno = 40
	ENONET        Errno = 64
	EDESTADDRREQ  Errno = 89
	EMSGSIZE      Errno = 90
	ENOPROTOOPT   Errno = 92
	EOPNOTSUPP    Errno = 95
	EAFNOSUPPORT  Errno = 97
	EADDRINUSE    Errno = 98
	EADDRNOTAVAIL Errno = 99
	ENETDOWN      Errno = 100
	ENETUNREACH   Errno = 101
	ECONNRESET    Errno = 104
	ENOBUFS       Errno = 105
	ENOTCONN      Errno = 107
	ETIMEDOUT     Errno = 110
	ECONNREFUSED  Errno = 111
	EHOSTDOWN     Errno = 112
	EHOSTUNREACH  Errno = 113
	EINPROGRESS   Errno = 115
	ENOKEY        Errno = 126
)

var errnoTexts = map[Errno][2]string{
	EPERM:         {"EPERM", "Operation not permitted"},
	ENOENT:        {"ENOENT", "No such file or directory"},
	ESRCH:         {"ESRCH", "No such process"},
	ENXIO:         {"ENXIO", "No such device or address"},
	E2BIG:         {"E2BIG", "Argument list too long"},
	EAGAIN:        {"EAGAIN", "Resource temporarily unavailable"},
	EACCES:        {"EACCES", "Permission denied"},
	EBUSY:         {"EBUSY", "Device or resource busy"},
	EEXIST:        {"EEXIST", "File exists"},
	EXDEV:         {"EXDEV", "Invalid cross-device link"},
	ENODEV:        {"ENODEV", "No such device"},
	EINVAL:        {"EINVAL", "Invalid argument"},
	ERANGE:        {"ERANGE", "Numerical result out of range"},
	ELOOP:         {"ELOOP", "Too many levels of symbolic links"},
	ENONET:        {"ENONET", "Machine is not on the network"},
	EDESTADDRREQ:  {"EDESTADDRREQ", "Destination address required"},
	EMSGSIZE:      {"EMSGSIZE", "Message too long"},
	ENOPROTOOPT:   {"ENOPROTOOPT", "Protocol not available"},
	EOPNOTSUPP:    {"EOPNOTSUPP", "Operation not supported"},
	EAFNOSUPPORT:  {"EAFNOSUPPORT", "Address family not supported by protocol"},
	EADDRINUSE:    {"EADDRINUSE", "Address already in use"},
	EADDRNOTAVAIL: {"EADDRNOTAVAIL", "Cannot assign requested address"},
	ENETDOWN:      {"ENETDOWN", "Network is down"},
	ENETUNREACH:   {"ENETUNREACH", "Network is unreachable"},
	ECONNRESET:    {"ECONNRESET", "Connection reset by peer"},
	ENOBUFS:       {"ENOBUFS", "No buffer space available"},
	ENOTCONN:      {"ENOTCONN", "Transport endpoint is not connected"},
	ETIMEDOUT:     {"ETIMEDOUT", "Connection timed out"},
	ECONNREFUSED:  {"ECONNREFUSED", "Connection refused"},
	EHOSTDOWN:     {"EHOSTDOWN", "Host is down"},
	EINPROGRESS:   {"EINPROGRESS", "Operation now in progress"},
	ENOKEY:        {"ENOKEY", "Required key not available"},
	EHOSTUNREACH:  {"EHOSTUNREACH", "No route to host"},
}

// String is the error's symbol, such as ENETUNREACH.
func (e Errno) String() string {
	if t, ok := errnoTexts[e]; ok {
		return t[0]
	}
	return "errno " + strconv.Itoa(int(e))
}

// Text is what programs print for the error: "Network is unreachable".
func (e Errno) Text() string {
	if t, ok := errnoTexts[e]; ok {
		return t[1]
	}
	return "error " + strconv.Itoa(int(e))
}

// MarshalText gives the symbol.
func (e Errno) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads the symbol.
func (e *Errno) UnmarshalText(b []byte) error {
	for n, t := range errnoTexts {
		if t[0] == string(b) {
			*e = n
			return nil
		}
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(string(b), "errno "), 10, 16)
	if err != nil {
		return fmt.Errorf("unknown error %q", b)
	}
	*e = Errno(n)
	return nil
}
