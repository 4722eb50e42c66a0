package load

import (
	"encoding/json"

	"routewhy/route"
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
	var v struct {
		jsonHop
		ID        uint32          `json:"id"`
		Scope     text            `json:"scope"`
		Protocol  text            `json:"protocol"`
		Blackhole json.RawMessage `json:"blackhole"`
		FDB       json.RawMessage `json:"fdb"`
		Group     []struct {
			ID     uint32 `json:"id"`
			Weight int    `json:"weight"`
		} `json:"group"`
		Type string `json:"type"`
		Args struct {
			Buckets int `json:"buckets"`
		} `json:"resilient_args"`
		Stats json.RawMessage `json:"group_stats"`
		Used  json.RawMessage `json:"used"`
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	h, err := j.hop(&v.jsonHop)
	if err != nil {
		return err
	}
	o := route.NextHopObject{
		ID: v.ID, NextHop: h, Blackhole: v.Blackhole != nil, FDB: v.FDB != nil,
		Resilient: v.Type == "resilient", Buckets: v.Args.Buckets,
	}
	for _, m := range v.Group {
		o.Group = append(o.Group, route.GroupMember{ID: m.ID, Weight: max(1, m.Weight)})
	}
	if v.Protocol != "" {
		if o.Protocol, err = j.protocol(string(v.Protocol)); err != nil {
			return err
		}
	}
	return j.addObject(o)
}
