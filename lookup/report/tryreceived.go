package report

import (
	"path"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/route"
)

// RemarkReceived is a remark of [Try.Warnings].
const RemarkReceived lookup.Code = "received-not-compared" // Want: the setting, More: how many further ones there are

// received tells of settings that decide about packets which come in, if no such packet was
// asked about: what this host sends is all that is compared.
func (t *Trial) received(q *TryQuestion) {
	if q.Packet.Iif != "" && len(q.To) > 0 {
		return
	}
	var all []string
	for i := range t.Run.Steps {
		for k, c := range t.Run.Steps[i].Changes {
			s, ok := c.(*change.Sysctl)
			if !ok || k >= len(t.Run.Steps[i].Outcomes) || t.Run.Steps[i].Outcomes[k].Refusal != nil || !t.decidesReceived(s.Path) {
				continue
			}
			// sysctl(8) writes the dot of eth0.100 as a slash
			if name := strings.NewReplacer("/", ".", ".", "/").Replace(s.Path); !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	if len(all) > 0 {
		f := NewRemark(RemarkReceived, all[0], "")
		f.More = len(all) - 1
		t.Report.Warnings = append(t.Report.Warnings, f)
	}
}

// decidesReceived reports whether a setting decides about packets that come in, and has another
// value after the commands than before.
func (t *Trial) decidesReceived(p string) bool {
	if p == "net/ipv4/ip_forward" {
		p = route.ConfPath(route.IPv4, "all", "forwarding")
	}
	before, known := t.Before.FIB().Snapshot().Sysctls[p]
	if known && before == t.Run.After.FIB().Snapshot().Sysctls[p] {
		return false
	}
	return slices.Contains([]string{"forwarding", "rp_filter", "accept_local", "route_localnet", "bc_forwarding"}, path.Base(p))
}
