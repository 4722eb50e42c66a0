package change

import "routewhy/route"

// Refusal is the kernel's answer to a change that it does not make.
type Refusal struct {
	Errno route.Errno
	// Message is the text of the extended acknowledgement (NLMSGERR_ATTR_MSG), without
	// ip's "Error: " before it and the full stop after it; empty: the kernel gives none.
	Message string
	// MessageUnsure says that the facts do not tell whether the kernel gives this text
	// or no text.
	MessageUnsure bool
	// Unknown says why the facts do not tell whether the kernel refuses. If it is
	// set, Errno is zero.
	Unknown string
}

// Error is the refusal in the kernel's words.
func (r *Refusal) Error() string {
	switch {
	case r.Unknown != "":
		return r.Unknown
	case r.Message != "":
		return r.Message
	}
	return r.Errno.Text()
}

func refuse(e route.Errno, message string) *Refusal { return &Refusal{Errno: e, Message: message} }

// The texts of the kernel's extended acknowledgements that are used in more than one
// place.
const (
	msgInvalidGateway  = "Nexthop has invalid gateway"
	msgNoSuchObject    = "Nexthop id does not exist"
	msgInvalidScope    = "Invalid scope"
	msgDeviceNotUp     = "Nexthop device is not up"
	msgPrefixBits      = "Invalid prefix for given prefix length"
	msgHostScopeHops   = "Route with host scope can not have multiple nexthops"
	msgHostScopeGate   = "Route with host scope can not have a gateway"
	msgInvalidType     = "Invalid route type"
	msgNoTable         = "FIB table does not exist"
	msgDeviceOnly      = "Device only routes can not be added for IPv6 using the multipath API."
	msgSourceRouting   = "Nexthops can not be used with source routing"
	msgGatewayAndGroup = "Nexthop specification and nexthop id are mutually exclusive"
)
