package load

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"routewhy/route"
)

// maxElement is how many bytes one element of a JSON list may have.
const maxElement = 8 << 20

// bounded is a reader that fails once it has given so many bytes.
type bounded struct {
	r    io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("one element has more than %d MiB", maxElement>>20)
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// jsonLists reads what `ip -j` prints: lists of objects, each of which says by
// its members what it is; several lists may follow each other.
func (l *loader) jsonLists(name string, r io.Reader) error {
	in := &bounded{r, maxElement}
	d := json.NewDecoder(bufio.NewReader(in))
	j := &jsonReader{facts: l.facts, context: fileContext(name)}
	lists := 0
	for {
		tok, err := d.Token()
		if err == io.EOF && lists > 0 {
			return nil
		}
		if err != nil {
			return jsonError(err)
		}
		if tok != json.Delim('[') {
			return errUnknown
		}
		lists++
		l.facts.listing++
		j.rules = rulesSeen{}
		if lists > 1 && j.hadRules {
			j.secondRules = true
		}
		for d.More() {
			var raw json.RawMessage
			if err := d.Decode(&raw); err != nil {
				return jsonError(err)
			}
			in.left = maxElement
			j.element++
			if err := j.object(raw); err != nil {
				l.fault(name, 0, fmt.Errorf("element %d: %w", j.element, err))
			}
			if l.facts.routes.Len() > maxRoutes {
				return fmt.Errorf("more than %d routes", maxRoutes)
			}
		}
		if _, err := d.Token(); err != nil {
			return jsonError(err)
		}
	}
}

func jsonError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it ends in the middle")
	}
	return fmt.Errorf("is no JSON: %w", err)
}

// jsonReader reads the elements of lists.
type jsonReader struct {
	*facts
	context
	element               int
	hadRules, secondRules bool
}

// object finds out what an element is.
func (j *jsonReader) object(raw json.RawMessage) error {
	has := func(key string) bool { return bytes.Contains(raw, []byte(`"`+key+`":`)) }
	switch {
	case len(bytes.TrimSpace(raw)) <= 2:
		return nil
	case has("ifname") && (has("flags") || has("addr_info")):
		return j.link(raw)
	case has("priority") && has("src"):
		j.hadRules = true
		return j.rule(raw)
	case has("state") && has("dst"):
		return j.neighbour(raw)
	case has("id") && !has("dst"):
		return j.nextHop(raw)
	case has("dst"):
		return j.route(raw)
	}
	return errors.New("not understood")
}

// strict reads an object whose members are all known.
func strict(raw []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// text is a JSON string or number.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(t))
	}
	if string(b) != "null" {
		*t = text(b)
	}
	return nil
}

type jsonVia struct {
	Family string `json:"family"`
	Host   string `json:"host"`
}

type jsonHop struct {
	Gateway string          `json:"gateway"`
	Via     *jsonVia        `json:"via"`
	Dev     string          `json:"dev"`
	Weight  int             `json:"weight"`
	Flags   []string        `json:"flags"`
	Encap   string          `json:"encap"`
	Flow    json.RawMessage `json:"flow"`
	Realm   json.RawMessage `json:"realm"`
	encapParams
}

// encapParams are the parameters of light-weight tunnels, which do not decide.
type encapParams struct {
	Mode  json.RawMessage `json:"mode"`
	Segs  json.RawMessage `json:"segs"`
	ID    json.RawMessage `json:"id"`
	Src   json.RawMessage `json:"src"`
	Hop   json.RawMessage `json:"hoplimit"`
	TTL   json.RawMessage `json:"ttl"`
	TC    json.RawMessage `json:"tc"`
	Label json.RawMessage `json:"dst_mpls"`
}

type jsonRoute struct {
	Type     string            `json:"type"`
	Dst      string            `json:"dst"`
	From     string            `json:"from"`
	TOS      text              `json:"tos"`
	NHID     uint32            `json:"nhid"`
	NHInfo   json.RawMessage   `json:"nh_info"`
	Table    text              `json:"table"`
	Protocol text              `json:"protocol"`
	Scope    text              `json:"scope"`
	PrefSrc  string            `json:"prefsrc"`
	Metric   uint32            `json:"metric"`
	NextHops []jsonHop         `json:"nexthops"`
	Metrics  []map[string]any  `json:"metrics"`
	Expires  *text             `json:"expires"`
	Pref     string            `json:"pref"`
	Cache    []json.RawMessage `json:"cache"`
	Error    json.RawMessage   `json:"error"`
	Age      json.RawMessage   `json:"age"`
	Used     json.RawMessage   `json:"used"`
	Users    json.RawMessage   `json:"users"`
	jsonHop
}

// route reads a route as `ip -j route` prints it.
func (j *jsonReader) route(raw []byte) error {
	var v jsonRoute
	if err := strict(raw, &v); err != nil {
		return err
	}
	r := route.Route{Type: route.TypeUnicast, Table: j.table0(), Protocol: route.ProtocolBoot, Metric: v.Metric, NextHopID: v.NHID}
	hint := []string{"scope"}
	if v.Scope == "" {
		hint = nil
	}
	hint = append(hint, "via", v.Gateway, "src", v.PrefSrc, "from", v.From)
	if v.Pref != "" {
		hint = append(hint, "pref")
	}
	for i := range v.NextHops {
		hint = append(hint, "via", v.NextHops[i].Gateway)
	}
	var err error
	if r.Dst, err = parseDst(v.Dst, j.familyOf(hint)); err != nil {
		return err
	}
	if err := errors.Join(j.routeFields(&r, &v), j.routeWays(&r, &v), checkRoute(&r)); err != nil {
		return err
	}
	j.place(r, &j.context, v.Table != "")
	return nil
}

func (j *jsonReader) table0() route.Table {
	if j.context.table != 0 {
		return j.context.table
	}
	return route.TableMain
}

func (j *jsonReader) routeFields(r *route.Route, v *jsonRoute) error {
	var errs [7]error
	if v.Type != "" {
		errs[0] = r.Type.UnmarshalText([]byte(v.Type))
	}
	if v.Table != "" {
		r.Table, errs[1] = j.facts.table(string(v.Table))
	}
	if v.Protocol != "" {
		r.Protocol, errs[2] = j.protocol(string(v.Protocol))
	}
	if v.Scope != "" {
		r.Scope, errs[3] = scope(string(v.Scope))
	}
	if v.PrefSrc != "" {
		r.PrefSrc, errs[4] = parseAddr(v.PrefSrc)
	}
	if v.From != "" {
		r.Src, errs[5] = parseDst(v.From, r.Family())
	}
	if v.TOS != "" {
		r.TOS, errs[6] = tos(string(v.TOS))
	}
	if v.Expires != nil {
		var err error
		if r.Expires, err = parseSeconds(string(*v.Expires)); err != nil {
			return err
		}
	}
	if v.Pref != "" {
		if err := r.Pref.UnmarshalText([]byte(v.Pref)); err != nil {
			return err
		}
	}
	for _, m := range v.Metrics {
		w := &words{}
		for name, value := range m {
			if n, ok := value.(float64); ok && name != "features" {
				w.rest = []string{strconv.FormatUint(uint64(n), 10)}
				metric(w, r, name)
			}
		}
	}
	return errors.Join(errs[:]...)
}

func (j *jsonReader) routeWays(r *route.Route, v *jsonRoute) error {
	for i := range v.NextHops {
		h, err := j.hop(&v.NextHops[i])
		if err != nil {
			return err
		}
		h.Weight = max(1, v.NextHops[i].Weight)
		r.NextHops = append(r.NextHops, h)
	}
	h, err := j.hop(&v.jsonHop)
	single := v.Dev != "" || h.Gateway.IsValid()
	if single && len(r.NextHops) == 0 && !(r.Family() == route.IPv4 && r.Type.Refuses()) {
		r.NextHops = []route.NextHop{h}
	}
	return err
}

func (j *jsonReader) hop(v *jsonHop) (h route.NextHop, err error) {
	h.Link = j.device(v.Dev)
	gw := v.Gateway
	if v.Via != nil {
		gw = v.Via.Host
	}
	if gw != "" {
		if h.Gateway, err = parseAddr(gw); err != nil {
			return h, err
		}
	}
	for _, s := range v.Flags {
		flag, ok := hopFlag(s)
		if !ok {
			return h, fmt.Errorf("flag %q", s)
		}
		h.Flags |= flag
	}
	if v.Encap != "" {
		if h.Encap = encapByName(v.Encap); h.Encap == 0 {
			return h, fmt.Errorf("encap %q", v.Encap)
		}
	}
	if realm, err := strconv.ParseUint(strings.Trim(string(v.Flow), `"`), 0, 32); err == nil {
		h.Realm = uint32(realm)
	}
	return h, nil
}

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
	line, err := ruleWords(v)
	if err != nil {
		return err
	}
	c := j.context
	if c.family == 0 && j.secondRules {
		c.family = route.IPv6
	}
	r, err := j.parseRule(uint32(priority), line, &c)
	if err != nil {
		return err
	}
	j.context.rules = c.rules
	j.addRule(r)
	return nil
}

// ruleWords puts the members of a rule into the words of ip-rule(8).
func ruleWords(v map[string]text) ([]string, error) {
	var w []string
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
			pair("realm", "")
		case "flow_from":
		default:
			return nil, fmt.Errorf("%q is not known", key)
		}
	}
	return w, nil
}

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
	j.addObject(o)
	return nil
}

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
	if v.Name == "" {
		return errors.New("a device without a name")
	}
	d := j.define(v.Name, v.Index)
	j.found(route.FactLinks, 0)
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
	i := j.byName[v.Name]
	if v.Master != "" {
		m := j.device(v.Master)
		j.devs[i-1].master = m
	}
	if v.Addrs == nil {
		return nil
	}
	j.found(route.FactAddrs, 0)
	for _, a := range *v.Addrs {
		if err := j.address(i, a); err != nil {
			return err
		}
	}
	return nil
}

// address reads an element of addr_info.
func (j *jsonReader) address(link int, raw []byte) error {
	if len(bytes.TrimSpace(raw)) <= 2 {
		return nil
	}
	var v map[string]any
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	str := func(key string) string { s, _ := v[key].(string); return s }
	local, err := parseAddr(str("local"))
	if err != nil {
		return err
	}
	bits, _ := v["prefixlen"].(float64)
	a := route.Addr{
		Link: link, Prefix: netip.PrefixFrom(local, int(bits)), Flags: route.AddrPermanent,
		PreferredLft: route.ForeverLft, ValidLft: route.ForeverLft, Label: str("label"),
	}
	if !a.Prefix.IsValid() {
		return fmt.Errorf("%s/%v", local, bits)
	}
	if peer, err := parseAddr(str("address")); err == nil {
		a.Peer = netip.PrefixFrom(peer, int(bits))
	}
	if b, err := parseAddr(str("broadcast")); err == nil {
		a.Broadcast = b
	}
	if a.Scope, err = scope(str("scope")); err != nil {
		return err
	}
	for key, value := range v {
		if flag, ok := addrFlag(key); ok && value == true {
			a.Flags |= flag
		}
		if n, ok := value.(float64); ok && key == "preferred_life_time" {
			a.PreferredLft = lifetime(n)
		} else if ok && key == "valid_life_time" {
			a.ValidLft = lifetime(n)
		}
	}
	if v["dynamic"] == true {
		a.Flags &^= route.AddrPermanent
	}
	j.snap.Addrs = append(j.snap.Addrs, a)
	return nil
}

func lifetime(seconds float64) time.Duration {
	return time.Duration(min(max(seconds, 0), 1<<32-1)) * time.Second
}
