package iproute2

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// withoutTunnels is a route in which only the kinds of its light-weight tunnels are left.
// Some members of a tunnel have the same names as members of the route, and ip writes
// both: the first dst belongs to the route, and members between encap and the next hop
// belong to the tunnel.
func withoutTunnels(raw []byte) ([]byte, error) {
	if !bytes.Contains(raw, []byte(`"encap"`)) {
		return raw, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	out := []byte{'{'}
	inside, own := false, false
	for d.More() {
		tok, err := d.Token()
		if err != nil {
			return nil, err
		}
		key, _ := tok.(string)
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		switch key {
		case "encap":
			inside = true
			// The tunnel of an IPv6 segment has a table of its own if its action needs one.
			own = string(value) == `"seg6local"`
		case "gateway", "via", "dev", "nexthops", "protocol", "scope", "metric", "flags", "pref", "prefsrc":
			inside = false
		case "table":
			if inside && own {
				own = false
				continue
			}
			inside = false
		case "vrftable":
			own = false
			continue
		case "mode", "segs", "id", "src", "hoplimit", "ttl", "tc", "dst_mpls":
			continue // it belongs to a tunnel, even if somebody has sorted the members
		default:
			if inside {
				continue
			}
		}
		if key == "nexthops" {
			if value, err = hopsWithoutTunnels(value); err != nil {
				return nil, err
			}
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = strconv.AppendQuote(out, key)
		out = append(append(out, ':'), value...)
	}
	return append(out, '}'), nil
}

func hopsWithoutTunnels(raw []byte) ([]byte, error) {
	var hops []json.RawMessage
	if err := json.Unmarshal(raw, &hops); err != nil {
		return nil, err
	}
	for i := range hops {
		var err error
		if hops[i], err = withoutTunnels(hops[i]); err != nil {
			return nil, err
		}
	}
	return json.Marshal(hops)
}
