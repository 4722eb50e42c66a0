package load

import (
	"bytes"
	"cmp"
	"encoding/json"

	"routewhy/route"
	"routewhy/route/iproute2"
)

type jsonLink struct {
	Index    int      `json:"ifindex"`
	Name     string   `json:"ifname"`
	Flags    []string `json:"flags"`
	MTU      uint32   `json:"mtu"`
	Oper     string   `json:"operstate"`
	Group    string   `json:"group"`
	Master   string   `json:"master"`
	LinkInfo struct {
		Kind string `json:"info_kind"`
		Data struct {
			Table text `json:"table"`
		} `json:"info_data"`
	} `json:"linkinfo"`
	Addrs *[]json.RawMessage `json:"addr_info"`
}

// link reads a device as `ip -j link` and `ip -j addr` print it.
func (j *jsonReader) link(raw []byte) error {
	var v jsonLink
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	i, err := j.define(v.Name, v.Index)
	if err != nil {
		return err
	}
	d := j.devs[i-1]
	d.told = true
	j.found(route.FactLinks, 0)
	j.partLinks = j.partLinks || j.partial != ""
	for _, flag := range v.Flags {
		d.link.Flags |= linkFlag(flag)
	}
	if v.LinkInfo.Kind != "" {
		d.link.Kind = v.LinkInfo.Kind
	}
	d.link.MTU, d.link.OperState = v.MTU, operState(v.Oper)
	if n, err := number(v.Group, 32); err == nil {
		d.link.Group = uint32(n)
	}
	if v.LinkInfo.Kind == "vrf" && v.LinkInfo.Data.Table != "" {
		t, err := j.facts.table(string(v.LinkInfo.Data.Table))
		if err != nil {
			return err
		}
		d.link.VRFTable = t
	}
	if v.Master != "" {
		d.master = j.device(v.Master)
	}
	if v.Addrs == nil {
		return nil
	}
	if j.kind == kindAddrs && j.family != 0 {
		j.found(route.FactAddrs, j.family)
	} else {
		j.found(route.FactAddrs, 0, route.IPv4, route.IPv6)
	}
	j.partAddrs = j.partAddrs || j.partial != ""
	var first error
	for _, a := range *v.Addrs {
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
