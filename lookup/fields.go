package lookup

import (
	"slices"

	"routewhy/route"
)

// Field is a property of a packet that a rule or a route can ask for.
type Field string

// The fields.
const (
	FieldFrom      Field = "from"
	FieldOif       Field = "oif"
	FieldMark      Field = "mark"
	FieldTOS       Field = "tos"
	FieldUID       Field = "uid"
	FieldProto     Field = "ipproto"
	FieldSport     Field = "sport"
	FieldDport     Field = "dport"
	FieldFlowLabel Field = "flowlabel"
	// FieldIif is part of every question: a packet that comes in by no device is sent by
	// this host.
	FieldIif Field = "iif"
	// FieldVRF is never compared: a VRF is given as the output device.
	FieldVRF Field = "vrf"
)

// Asked are the fields that rules and routes compared to come to a decision, in a fixed
// order. If the caller did not give one of them, the decision rests on an assumption. A rule
// that does not match by a field that is settled counts for none: no value of another field
// makes it match.
func (t *Trace) Asked(settled func(Field) bool) []Field {
	asked := map[Field]bool{}
	for i := range t.Rules {
		r := &t.Rules[i]
		if r.Verdict != VerdictNotReached && !r.missesBy(settled) {
			selectorFields(&r.Rule.Selector, asked)
		}
		for j := range r.Candidates {
			if r.Candidates[j].Route.TOS != 0 {
				asked[FieldTOS] = true
			}
			if r.Candidates[j].Route.Src.IsValid() {
				asked[FieldFrom] = true
			}
		}
	}
	var out []Field
	for _, f := range []Field{FieldFrom, FieldOif, FieldMark, FieldTOS, FieldUID, FieldProto, FieldSport, FieldDport, FieldFlowLabel} {
		if asked[f] {
			out = append(out, f)
		}
	}
	return out
}

// missesBy reports whether one of the fields by which a rule does not match is settled.
func (r *RuleTrial) missesBy(settled func(Field) bool) bool {
	if r.Verdict != VerdictNoMatch {
		return false
	}
	is := func(c Code) bool {
		if c == CodeTo || c == CodeIif || c == CodeIifDetached || c == CodeOifDetached {
			return true
		}
		f, ok := comparedField(c)
		return ok && settled(f)
	}
	return is(r.Reason.Code) || slices.ContainsFunc(r.Others, func(o Reason) bool { return is(o.Code) })
}

// comparedField is the field that a reason why a rule does not match is about.
func comparedField(c Code) (Field, bool) {
	switch c {
	case CodeFrom, CodeFromUnset:
		return FieldFrom, true
	case CodeOif:
		return FieldOif, true
	case CodeMark:
		return FieldMark, true
	case CodeRuleTOS, CodeDSCP:
		return FieldTOS, true
	case CodeUID:
		return FieldUID, true
	case CodeProto:
		return FieldProto, true
	case CodeSport:
		return FieldSport, true
	case CodeDport:
		return FieldDport, true
	case CodeFlowLabel:
		return FieldFlowLabel, true
	}
	return "", false
}

func selectorFields(s *route.Selector, asked map[Field]bool) {
	for f, yes := range map[Field]bool{
		FieldFrom: s.Src.IsValid() && s.Src.Bits() > 0, FieldOif: s.Out != "",
		FieldMark: s.MarkMask != 0, FieldTOS: s.TOS != 0 || s.HasDSCP, FieldUID: s.HasUIDs,
		FieldProto: s.Proto != 0, FieldSport: s.SrcPort != (route.PortRange{}),
		FieldDport: s.DstPort != (route.PortRange{}), FieldFlowLabel: s.FlowLabelMask != 0,
	} {
		if yes {
			asked[f] = true
		}
	}
}
