package routetest

import (
	"fmt"
	"net/netip"

	"routewhy/route"
)

// older is what Linux 6.1 answers otherwise than the 6.18 of the scenarios, and
// the version from which on it is taken to answer like that.
type older struct {
	major, minor int
	expect       Expect
}

// olderAnswers are the scenarios that 6.1 was seen to answer otherwise.
func olderAnswers() map[string]older {
	filtered := older{6, 13, Expect{Errno: "EXDEV"}}
	leg := func(dev, gateway string, src ...string) Expect {
		e := Expect{Type: route.TypeUnicast, Table: route.TableMain, Dev: dev, Gateway: netip.MustParseAddr(gateway)}
		for _, a := range src {
			e.Src = netip.MustParseAddr(a)
		}
		return e
	}
	return map[string]older{
		// The reverse-path filter has an error of its own.
		"in-rpf-strict-wrong-device":                  filtered,
		"in-rpf-loose-unroutable-source":              filtered,
		"input-reverse-rule-bound-to-lo":              filtered,
		"vrf-input-reverse-path-elsewhere-in-the-vrf": filtered,
		"vrf-input-reverse-path-not-outside":          filtered,
		// A packet that is sent by a device keeps the next hop on it: a change that was
		// carried over into the kernels tried, and not into 6.18.
		"v6-siblings-on-the-device-asked-for":    {6, 13, leg("w0", "2001:db8:2::2", "2001:db8:2::1")},
		"v6-siblings-with-a-source-and-a-device": {6, 13, leg("w0", "2001:db8:2::2", "2001:db8:2::1")},
		"v6-group-with-a-device":                 {6, 13, leg("w0", "2001:db8:2::2", "2001:db8:1::1")},
		"nh6-group-oif-not-enforced":             {6, 13, leg("w0", "2001:db8:2::2", "2001:db8:1::1")},
		"mp6-oif-with-source-not-enforced":       {6, 13, leg("w0", "2001:db8:2::2", "2001:db8:2::1")},
		// A source does not decide between the legs of a route.
		"mp-source-decides-first": {6, 16, Expect{Candidates: []Expect{leg("v0", "10.0.0.2"), leg("w0", "10.0.1.2")}}},
	}
}

// On is what a kernel of a release is expected to answer.
func (s Scenario) On(release string) Expect {
	o, known := olderAnswers()[s.Name]
	var major, minor int
	if n, _ := fmt.Sscanf(release, "%d.%d", &major, &minor); !known || n < 2 {
		return s.Expect
	}
	if major > o.major || major == o.major && minor >= o.minor {
		return s.Expect
	}
	return o.expect
}
