package load

import (
	"bytes"
	"cmp"

	"routewhy/route"
	"routewhy/route/iproute2"
)

// link reads a device as `ip -j link` and `ip -j addr` print it.
func (j *jsonReader) link(raw []byte) error {
	v, err := iproute2.ParseLinkJSON(raw)
	if err != nil {
		return err
	}
	if v.Flags == nil && v.OperState == "" {
		v.Flags = []string{"..."}
	} else if v.Flags == nil { // ip -j -br addr
		v.Flags = briefFlags(v.Name, v.OperState)
	}
	i, first := j.addLink(&v)
	if i == 0 {
		return first
	}
	j.partLinks = j.partLinks || j.partial != ""
	if v.Addrs == nil {
		return nil
	}
	if j.kind == kindAddrs && j.family != 0 {
		j.found(route.FactAddrs, j.family)
	} else {
		j.found(route.FactAddrs, 0, route.IPv4, route.IPv6)
	}
	j.partAddrs = j.partAddrs || j.partial != ""
	for _, a := range v.Addrs {
		if err := j.address(i, a); err != nil {
			j.partAddrs = true
			first = cmp.Or(first, err)
		}
	}
	return first
}

// address reads an element of addr_info.
func (j *jsonReader) address(link int, raw []byte) error {
	if len(bytes.TrimSpace(raw)) <= 2 {
		return nil
	}
	named, err := iproute2.ParseAddressJSON(raw)
	if err != nil {
		return err
	}
	return j.addAddress(&named, link)
}
