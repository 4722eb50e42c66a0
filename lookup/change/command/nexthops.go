package command

import (
	"slices"
	"strconv"
	"strings"

	"routewhy/lookup/change"
	"routewhy/route"
)

// nextHops are the next hops of a multipath route (parse_nexthops in ip/iproute.c).
func (q *routeRequest) nextHops() []route.NextHop {
	var out []route.NextHop
	for q.more() {
		if word := q.take(); word != "nexthop" {
			q.refuse("%q or end of line is expected instead of %q", raw("nexthop"), raw(word))
		}
		if !q.more() {
			q.refuse("unexpected end of line after %q", raw("nexthop"))
		}
		out = append(out, q.nextHop())
	}
	return out
}

// nextHop is parse_one_nh.
func (q *routeRequest) nextHop() route.NextHop {
	h := route.NextHop{Weight: 1}
	for q.more() {
		switch chooseExact(q.peek(), "via dev weight onlink realms* encap as") {
		case "via":
			q.take()
			f, g := q.gatewayOf(q.family)
			q.learn(f)
			if !h.Gateway.IsValid() { // the kernel reads the first one (nla_find)
				h.Gateway = g
			}
		case "dev":
			q.take()
			h.Link = q.link(q.value()).Index
		case "weight":
			q.take()
			v := q.value()
			n, ok := number(v, 32)
			if !ok || n == 0 || n > 256 {
				q.invalid(v, `"weight" is invalid`)
			}
			h.Weight = int(n)
		case "onlink":
			q.take()
			h.Flags |= route.NextHopOnLink
		case "realms":
			q.take()
			if n := q.realms(q.value()); h.Realm == 0 {
				h.Realm = n
			}
		case "encap":
			q.take()
			h.Encap = q.encapsulation()
		case "as":
			q.take()
			q.unknown("as, which translates MPLS labels, is not understood")
		default:
			return h
		}
	}
	return h
}

// realms is get_rt_realms_or_raw: the source realm and the destination realm.
func (a *args) realms(v string) uint32 { return a.realmsOr(v, `"realm" value is invalid`) }

func (a *args) realmsOr(v, why string) uint32 {
	from, to, both := strings.Cut(v, "/")
	if !both {
		if n, ok := number(v, 32); ok {
			return uint32(n)
		}
		from, to = "", v
	}
	part := func(s string) uint32 {
		if s == "cosmos" {
			return 0
		}
		n, ok := number(s, 8)
		if !ok {
			a.invalid(v, why)
		}
		return uint32(n)
	}
	realm := part(to)
	if both {
		realm |= part(from) << 16
	}
	return realm
}

// The path metrics (RTAX_*).
const (
	metricMTU        = 2
	metricWindow     = 3
	metricRTT        = 4
	metricRTTVar     = 5
	metricSSThresh   = 6
	metricCwnd       = 7
	metricAdvMSS     = 8
	metricReordering = 9
	metricHopLimit   = 10
	metricInitCwnd   = 11
	metricFeatures   = 12
	metricRTOMin     = 13
	metricInitRwnd   = 14
	metricQuickAck   = 15
	metricNoCookie   = 17
)

// congestionControls are the algorithms that a kernel may have (net/ipv4/Kconfig).
func congestionControls() []string {
	return strings.Fields("reno cubic bbr dctcp vegas westwood htcp hybla veno yeah illinois bic highspeed lp nv cdg scalable")
}

// metric reads a path metric.
func (q *routeRequest) metric(key string) {
	m := route.Metric{}
	switch key {
	case "mtu":
		m = q.plainMetric(metricMTU, key)
	case "window":
		m = q.plainMetric(metricWindow, key)
	case "advmss":
		m = q.plainMetric(metricAdvMSS, "mss")
	case "reordering":
		m = q.plainMetric(metricReordering, key)
	case "cwnd":
		m = q.plainMetric(metricCwnd, key)
	case "initcwnd":
		m = q.plainMetric(metricInitCwnd, key)
	case "initrwnd":
		m = q.plainMetric(metricInitRwnd, key)
	case "ssthresh":
		m = q.plainMetric(metricSSThresh, key)
	case "hoplimit":
		m = route.Metric{ID: metricHopLimit, Lock: q.skip("lock")}
		m.Value = uint32(q.uint8Of(q.value(), `"hoplimit" value is invalid`))
	case "rtt":
		m = q.timeMetric(metricRTT, key, 8)
	case "rttvar":
		m = q.timeMetric(metricRTTVar, key, 4)
	case "rto_min":
		m = q.timeMetric(metricRTOMin, key, 1)
		m.Lock = true
	case "features":
		v := q.value()
		if v != "ecn" {
			q.invalid(v, `"features" value not valid`)
		}
		m = route.Metric{ID: metricFeatures, Value: 1}
	case "quickack":
		m = q.flagMetric(metricQuickAck, key)
	case "fastopen_no_cookie":
		m = q.flagMetric(metricNoCookie, key)
	case "congctl":
		m = route.Metric{ID: route.MetricCongestion, Lock: q.skip("lock")}
		if m.Text = q.value(); !slices.Contains(congestionControls(), m.Text) {
			q.kernel = &change.Refusal{Errno: route.EINVAL, Message: "Unknown tcp congestion algorithm"}
		}
	}
	for i := range q.metrics {
		if q.metrics[i].ID == m.ID {
			q.metrics[i] = m
			return
		}
	}
	q.metrics = append(q.metrics, m)
}

func (q *routeRequest) plainMetric(id uint16, name string) route.Metric {
	lock := q.skip("lock")
	return route.Metric{ID: id, Lock: lock, Value: q.uint32Of(q.value(), `"`+name+`" value is invalid`)}
}

func (q *routeRequest) flagMetric(id uint16, name string) route.Metric {
	v := q.value()
	n := q.uint32Of(v, `"`+name+`" value is invalid`)
	if n > 1 {
		q.invalid(v, `"`+name+`" value should be 0 or 1`)
	}
	return route.Metric{ID: id, Value: n}
}

// timeMetric is a time (get_time_rtt). The kernel keeps milliseconds in its own
// units.
func (q *routeRequest) timeMetric(id uint16, name string, scale float64) route.Metric {
	m := route.Metric{ID: id, Lock: q.skip("lock")}
	v := q.value()
	if n, ok := number(v, 32); ok {
		m.Value = uint32(n)
		return m
	}
	text, unit := v, 1.0
	if s, ok := strings.CutSuffix(v, "msecs"); ok {
		text = s
	} else if s, ok = strings.CutSuffix(v, "msec"); ok {
		text = s
	} else if s, ok = strings.CutSuffix(v, "ms"); ok {
		text = s
	} else if s, ok = strings.CutSuffix(v, "secs"); ok {
		text, unit = s, 1000
	} else if s, ok = strings.CutSuffix(v, "sec"); ok {
		text, unit = s, 1000
	} else if s, ok = strings.CutSuffix(v, "s"); ok {
		text, unit = s, 1000
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !(f >= 0 && f*unit*scale <= 1<<32-1) {
		q.invalid(v, `"`+name+`" value is invalid`)
	}
	m.Value = uint32(f * unit * scale)
	return m
}
