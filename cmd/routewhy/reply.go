package main

// refuseReply refuses --reply for a destination that is not a packet's.
func (o *options) refuseReply() error {
	if !o.reply {
		return nil
	}
	for i := range o.destinations {
		if d := &o.destinations[i]; d.kind == kindPrefix || d.kind == kindDefault {
			return usagef("--reply is about a packet; %s is a route entry", d).
				hint("name an address: routewhy 8.8.8.8 --reply")
		}
	}
	return nil
}
