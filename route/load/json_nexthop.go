package load

import (
	"encoding/json"

	"routewhy/route/iproute2"
)

// neighbour reads one as `ip -j neigh` prints it.
func (j *jsonReader) neighbour(raw []byte) error {
	var v struct {
		Dst   string   `json:"dst"`
		Dev   string   `json:"dev"`
		State []string `json:"state"`
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	line := []string{v.Dst}
	if v.Dev != "" {
		line = append(line, "dev", v.Dev)
	}
	return j.parseNeighbour(append(line, v.State...))
}

// nextHop reads a next-hop object as `ip -j nexthop` prints it.
func (j *jsonReader) nextHop(raw []byte) error {
	named, err := iproute2.ParseNextHopJSON(raw)
	if err != nil {
		return err
	}
	return j.addObject(&named)
}
