package iproute2

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"routewhy/route"
)

// Metrics are the path metrics of a route (RTAX_*) by their names in JSON. The value is a
// uint32, except that it is a string for "congestion" and true for "ecn".
type Metrics map[string]any

// metricNames are the names of the metrics in a listing.
func metricNames() string {
	var names []string
	for id := uint16(2); id < 18; id++ {
		names = append(names, route.Metric{ID: id}.Name())
	}
	return strings.Join(names, " ")
}

// congestion is the name of congctl in JSON.
const congestion = "congestion"

// metricWords are the metrics of a route in a listing. A listing shows which of them are
// locked.
type metricWords struct{ *Route }

func (r metricWords) take(name string, w *words) {
	if r.Metrics == nil {
		r.Metrics = Metrics{}
	}
	if w.skip("lock") {
		r.Locked = append(r.Locked, name)
	}
	switch value := w.next(); name {
	case "features":
		for ; ; value = w.next() {
			if value == "ecn" {
				r.Metrics[value] = true
			} else {
				r.Metrics[name] = value
			}
			if next := w.peek(); next != "ecn" && !strings.HasPrefix(next, "0x") {
				return
			}
		}
	case "congctl":
		r.Metrics[congestion] = value
	default:
		n, err := metricValue(value)
		switch {
		case err == nil:
			r.Metrics[name] = n
		case isTime(name):
			r.Metrics[name] = value
		default:
			w.fail(err)
		}
	}
}

// isTime reports whether a metric is a time in milliseconds.
func isTime(name string) bool { return name == "rtt" || name == "rttvar" || name == "rto_min" }

// perMillisecond is the kernel's number for one millisecond in a metric. The kernel has rtt
// in eighths and rttvar in quarters of a millisecond, as ip-route(8) gives them
// (get_time_rtt in iproute2). For other metrics, perMillisecond is 1.
func perMillisecond(name string) uint32 {
	switch name {
	case "rtt":
		return 8
	case "rttvar":
		return 4
	}
	return 1
}

// metricValue reads a number, or a time in milliseconds or seconds.
func metricValue(s string) (uint32, error) {
	if ms, ok := strings.CutSuffix(s, "ms"); ok {
		s = ms
	} else if sec, ok := strings.CutSuffix(s, "s"); ok {
		f, err := strconv.ParseFloat(sec, 64)
		if err != nil || !(f >= 0 && f < 1<<22) {
			return 0, fmt.Errorf("%q is no time", s)
		}
		return uint32(math.Round(f * 1000)), nil
	}
	n, err := ParseUint(s, 32)
	return uint32(n), err
}

func (r metricWords) text(string) []string {
	var out []string
	if len(r.Metrics) == 0 {
		return nil
	}
	for _, name := range r.PathMetrics() {
		out = append(out, name)
		if slices.Contains(r.Locked, name) {
			out = append(out, "lock")
		}
		value, _ := r.PathMetric(name)
		out = append(out, strings.Fields(value)...)
	}
	return out
}

// PathMetrics are the names of the path metrics that the route has, in the kernel's order.
func (r *Route) PathMetrics() []string {
	var out []string
	for name := range strings.FieldsSeq(metricNames()) {
		if _, ok := r.PathMetric(name); ok {
			out = append(out, name)
		}
	}
	return out
}

// PathMetric is one of the route's path metrics, as ip-route(8) writes it. False: the route
// does not have that metric.
func (r *Route) PathMetric(name string) (string, bool) {
	key := name
	if name == "congctl" {
		key = congestion
	}
	value, ok := r.Metrics[key]
	switch ecn := name == "features" && r.Metrics["ecn"] != nil; {
	case ecn && ok:
		return "ecn " + metricText(name, value), true
	case ecn:
		return "ecn", true
	case !ok:
		return "", false
	}
	return metricText(name, value), true
}

// metricText writes a value as print_rta_metrics does.
func metricText(name string, value any) string {
	n, isNumber := value.(uint32)
	switch {
	case !isNumber || !isTime(name):
		return fmt.Sprint(value)
	case n >= 1000:
		return fmt.Sprintf("%gs", float64(n)/1000)
	}
	return fmt.Sprintf("%dms", n)
}

// MarshalJSON writes a list of one object that has all metrics, as ip(8) does. The only
// difference is that ecn is true here and null there.
func (m Metrics) MarshalJSON() ([]byte, error) { return json.Marshal([]map[string]any{m}) }

// UnmarshalJSON reads such a list.
func (m *Metrics) UnmarshalJSON(b []byte) error {
	var all []map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	*m = Metrics{}
	for _, one := range all {
		for name, raw := range one {
			var n uint32
			var s string
			switch {
			case string(raw) == "null", string(raw) == "true":
				(*m)[name] = true
			case json.Unmarshal(raw, &n) == nil:
				(*m)[name] = n
			case json.Unmarshal(raw, &s) == nil:
				(*m)[name] = s
			}
		}
	}
	return nil
}

// metrics are the metrics as the kernel has them.
func (r *Route) metrics() []route.Metric {
	var out []route.Metric
	if len(r.Metrics) == 0 { // as in most routes
		return nil
	}
	for id := uint16(2); id < 18; id++ {
		m := route.Metric{ID: id}
		if id == route.MetricCongestion {
			if m.Text, _ = r.Metrics[congestion].(string); m.Text != "" {
				m.Lock = slices.Contains(r.Locked, m.Name())
				out = append(out, m)
			}
			continue
		}
		if n, ok := r.Metrics[m.Name()].(uint32); ok {
			scaled := uint64(n) * uint64(perMillisecond(m.Name()))
			m.Value, m.Lock = uint32(min(scaled, math.MaxUint32)), slices.Contains(r.Locked, m.Name())
			out = append(out, m)
		}
	}
	return out
}

// setMetrics is the inverse of metrics.
func (r *Route) setMetrics(all []route.Metric) {
	if len(all) == 0 {
		return
	}
	r.Metrics = Metrics{}
	for _, m := range all {
		const features, ecn = 12, 1 // RTAX_FEATURES, RTAX_FEATURE_ECN
		rest := m.Value &^ ecn
		switch {
		case m.ID == route.MetricCongestion:
			r.Metrics[congestion] = m.Text
		case m.ID != features:
			r.Metrics[m.Name()] = m.Value / perMillisecond(m.Name())
		case rest != 0:
			r.Metrics[m.Name()] = fmt.Sprintf("%#x", rest)
		}
		if m.ID == features && m.Value&ecn != 0 {
			r.Metrics["ecn"] = true
		}
		if m.Lock {
			r.Locked = append(r.Locked, m.Name())
		}
	}
}
