package load

import (
	"routewhy/route/iproute2"
)

// neighbour reads a neighbour as `ip -j neigh` prints it.
func (j *jsonReader) neighbour(raw []byte) error {
	named, err := iproute2.ParseNeighbourJSON(raw)
	if err != nil {
		return err
	}
	return j.addNeighbour(&named)
}

// nextHop reads a next-hop object as `ip -j nexthop` prints it.
func (j *jsonReader) nextHop(raw []byte) error {
	named, err := iproute2.ParseNextHopJSON(raw)
	if err != nil {
		return err
	}
	return j.addObject(&named)
}
