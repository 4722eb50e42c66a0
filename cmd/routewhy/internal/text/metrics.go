package text

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"routewhy/lookup/check"
	"routewhy/lookup/report"
	"routewhy/route"
)

// Metrics writes the findings in the text format of Prometheus (version 0.0.4).
func Metrics(w io.Writer, m *report.Metrics) error {
	p := &metricsPage{page: &page{w: w}}
	p.findings(m)
	p.family("routewhy_default_routes", "Next hops by which packets to other networks leave, from connected sockets or others; 0: they do not leave.")
	for i := range m.Families {
		if f := &m.Families[i]; f.Known {
			p.sample("routewhy_default_routes", len(f.Ways), "family", familyLabel(f.Family))
		}
	}
	p.family("routewhy_default_route", "A next hop by which packets to other networks leave, its gateway (empty: none) and the state of the gateway's neighbour entry; always 1.")
	for i := range m.Families {
		f := &m.Families[i]
		for j := range f.Ways {
			h := &f.Ways[j]
			gateway := ""
			if h.Gateway.IsValid() {
				gateway = h.Gateway.String()
			}
			p.sample("routewhy_default_route", 1, "family", familyLabel(f.Family), "device", h.Dev, "gateway", gateway, "state", gatewayState(&h.NextHop), "table", h.Table)
		}
	}
	p.family("routewhy_kernel_agrees", "1: the kernel gives the same answer for packets to other networks; 0: another one. Absent: it was not asked.")
	for i := range m.Families {
		if f := &m.Families[i]; f.Asked {
			p.sample("routewhy_kernel_agrees", truth(f.Agrees), "family", familyLabel(f.Family))
		}
	}
	p.family("routewhy_routes", "Routes by table. Tables that were not listed are absent.")
	for i := range m.Families {
		f := &m.Families[i]
		for _, t := range f.Tables {
			p.sample("routewhy_routes", t.Routes, "family", familyLabel(f.Family), "table", t.Table)
		}
	}
	p.family("routewhy_rules", "Policy rules. Absent: they are not known.")
	for i := range m.Families {
		if !m.Families[i].RulesKnown {
			continue
		}
		p.sample("routewhy_rules", m.Families[i].Rules, "family", familyLabel(m.Families[i].Family))
	}
	p.family("routewhy_tables_changing", "1: the tables were changing while they were read.")
	p.sample("routewhy_tables_changing", truth(m.Changing))
	if !m.Time.IsZero() {
		p.family("routewhy_read_time_seconds", "When the host was read, in seconds since 1970.")
		p.line("routewhy_read_time_seconds " + strconv.FormatFloat(float64(m.Time.UnixMilli())/1000, 'f', -1, 64))
	}
	return p.err
}

// findings are counted by check and severity. A check that found nothing has a count of
// zero for its own severity. This shows that the check was made.
func (p *metricsPage) findings(m *report.Metrics) {
	type key struct {
		id       string
		severity check.Severity
	}
	count, unmade := map[key]int{}, map[string]bool{}
	var order []key
	for i := range m.Findings {
		f := &m.Findings[i]
		if f.Severity == check.Unknown {
			unmade[f.ID] = true
			continue
		}
		k := key{f.ID, f.Severity}
		if count[k]++; count[k] == 1 {
			order = append(order, k)
		}
	}
	p.family("routewhy_findings", "What is wrong or surprising, by check and severity (error, warning, note).")
	for _, c := range m.Made {
		k := key{c.ID, c.Severity}
		if !unmade[c.ID] {
			p.sample("routewhy_findings", count[k], "id", k.id, "severity", string(k.severity))
		}
		for _, o := range order {
			if o.id == c.ID && (o != k || unmade[c.ID]) {
				p.sample("routewhy_findings", count[o], "id", o.id, "severity", string(o.severity))
			}
		}
	}
	p.family("routewhy_checks_unknown", "Checks that could not be made, because facts are missing.")
	p.sample("routewhy_checks_unknown", len(unmade))
}

// metricsPage writes metrics.
type metricsPage struct{ *page }

// family begins a metric. Every metric here is a gauge.
func (p *metricsPage) family(name, help string) {
	p.line("# HELP " + name + " " + help)
	p.line("# TYPE " + name + " gauge")
}

// sample writes a value. Labels are names and values in turn.
func (p *metricsPage) sample(name string, value int, labels ...string) {
	var all []string
	for i := 0; i < len(labels); i += 2 {
		all = append(all, labels[i]+`="`+labelValue(labels[i+1])+`"`)
	}
	if len(all) > 0 {
		name += "{" + strings.Join(all, ",") + "}"
	}
	p.line(fmt.Sprintf("%s %d", name, value))
}

// labelValue escapes characters that end a label's value, and replaces what is not
// UTF-8.
func labelValue(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(s, "\ufffd"))
}

func familyLabel(f route.Family) string { return strings.ToLower(f.String()) }

// gatewayState is the state of the neighbour entry of a gateway.
func gatewayState(h *report.NextHop) string {
	switch {
	case !h.Gateway.IsValid():
		return "direct"
	case h.NeighbourUnread:
		return "unknown"
	case h.Neighbour == "":
		return "none"
	}
	return strings.ToLower(h.Neighbour)
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}
