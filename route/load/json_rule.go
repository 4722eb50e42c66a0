package load

import (
	"cmp"
	"encoding/json"
	"fmt"

	"routewhy/route"
)

// rule reads a rule as `ip -j rule` prints it, by the words that it would print
// without -j. A member that is null, or true in routewhy's own form, is a word.
func (j *jsonReader) rule(raw []byte) error {
	var v map[string]text
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	priority, err := number(string(v["priority"]), 32)
	if err != nil {
		return err
	}
	line, odd := ruleWords(v)
	c := j.context
	if c.family == 0 && j.secondRules {
		c.family = route.IPv6
	}
	r, err := j.parseRule(uint32(priority), line, &c)
	if odd != nil && len(r.Unknown) == 0 {
		r.Unknown = []route.Attr{{}}
	}
	j.context.rules = c.rules
	j.addRule(r)
	return cmp.Or(odd, err)
}

// ruleWords puts the members of a rule into the words of ip-rule(8).
func ruleWords(v map[string]text) ([]string, error) {
	var w []string
	var odd error
	for key, s := range v {
		value := string(s)
		pair := func(name, suffix string) { w = append(w, name, value+suffix) }
		with := func(sep, other string) string {
			if o, ok := v[other]; ok {
				return sep + string(o)
			}
			return ""
		}
		switch key {
		case "priority", "srclen", "dstlen", "fwmask", "uid_end", "sport_end", "dport_end", "sport_mask", "dport_mask",
			"dscp_mask", "flowlabel_mask", "table_name":
		case "src":
			pair("from", with("/", "srclen"))
		case "dst":
			pair("to", with("/", "dstlen"))
		case "fwmark":
			pair(key, with("/", "fwmask"))
		case "dscp", "flowlabel":
			pair(key, with("/", key+"_mask"))
		case "uid_start":
			pair("uidrange", with("-", "uid_end"))
		case "sport", "dport":
			pair(key, with("/", key+"_mask"))
		case "sport_start", "dport_start":
			pair(key[:5], with("-", key[:5]+"_end"))
		case "tos", "ipproto", "tun_id", "suppress_prefixlen", "suppress_ifgroup", "goto", "protocol":
			pair(key, "")
		case "iif", "oif":
			pair(key, "")
			if _, ok := v[key+"_detached"]; ok {
				w = append(w, "[detached]")
			}
		case "iif_detached", "oif_detached":
		case "table":
			pair("lookup", "")
		case "not", "l3mdev", "nop", "unresolved":
			w = append(w, key)
		case "action":
			w = append(w, value)
		case "to_tbl", "blackhole", "unreachable", "prohibit":
			w = append(w, key)
		case "flow_to", "realm", "realms":
			if from := string(v["flow_from"]); from != "" {
				value = from + "/" + value
			}
			w = append(w, "realms", value)
		case "flow_from":
		default:
			odd = fmt.Errorf("%q is not known", key)
		}
	}
	return w, odd
}
