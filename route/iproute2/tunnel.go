package iproute2

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// withoutTunnels is a route without what its light-weight tunnels have beside their
// kind. Some of that has the names of the route's own members, and ip writes both:
// the first dst is the route's, what stands between encap and the next hop is the
// tunnel's.
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
			// The tunnel of an IPv6 segment has a table of its own, where its action needs one.
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
			continue // a tunnel's, wherever somebody's sorting has put it
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
