package command

import "routewhy/route"

// encapsulation takes a light-weight tunnel (lwt_parse_encap in ip/iproute_lwtunnel.c).
func (a *args) encapsulation() route.Encap {
	name := a.value()
	a.unknown("encap %s is not understood", name)
	return 0
}
