package change

import (
	"cmp"
	"slices"

	"routewhy/route"
)

// The path metrics that have limits in the kernel (ip_metrics_convert in
// net/ipv4/metrics.c).
const (
	metricAdvMSS   = 8
	metricHopLimit = 10
	metricFeatures = 12
	metricLast     = 17
)

// convertMetrics are path metrics as the kernel keeps them: in the order of their
// numbers, without those that are zero.
func convertMetrics(given []route.Metric) ([]route.Metric, *Refusal) {
	var kept []route.Metric
	for _, m := range given {
		switch {
		case m.ID == 0:
			continue
		case m.ID > metricLast:
			return nil, refuse(route.EINVAL, "Invalid metric type")
		case m.ID == metricAdvMSS:
			m.Value = min(m.Value, 65535-40)
		case m.ID == route.MetricMTU:
			m.Value = min(m.Value, 65535-15)
		case m.ID == metricHopLimit:
			m.Value = min(m.Value, 255)
		}
		if m.Value == 0 && m.Text == "" {
			continue
		}
		kept = append(kept, m)
	}
	slices.SortStableFunc(kept, func(a, b route.Metric) int { return cmp.Compare(a.ID, b.ID) })
	return kept, nil
}

// metricsMatch reports whether a route has all metrics that a request to delete names
// (fib_metrics_match).
func metricsMatch(want, have []route.Metric) bool {
	find := func(list []route.Metric, id uint16) route.Metric {
		i := slices.IndexFunc(list, func(m route.Metric) bool { return m.ID == id })
		if i < 0 {
			return route.Metric{}
		}
		return list[i]
	}
	for _, m := range want {
		if x := find(have, m.ID); x.Value != m.Value || x.Text != m.Text {
			return false
		}
	}
	return len(want) == 0 || locks(want) == 0 || locks(want) == locks(have)
}

// locks is the mask of the metrics that are locked.
func locks(list []route.Metric) (mask uint32) {
	for _, m := range list {
		if m.Lock {
			mask |= 1 << m.ID
		}
	}
	return mask
}
