package route_test

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"routewhy/route"
)

// TestDecodeChecks refuses what no kernel has. The error is one line that names the place.
func TestDecodeChecks(t *testing.T) {
	tooLarge := "element 1: its index 4294967297"
	if strconv.IntSize == 32 { // here even the number itself is too large
		tooLarge = "cannot unmarshal number 4294967297"
	}
	rule := func(more string) string {
		return `{"family":4,"priority":5,"action":"lookup","table":254` + more + `}`
	}
	way := func(more string) string {
		return `{"table":254,"dst":"10.0.0.0/8","type":"unicast","nexthops":[{"link":2` + more + `}]}`
	}
	ways := `{"table":254,"dst":"10.0.0.0/8","type":"unicast","nexthops":[` + counted(`{"link":%d}`, 8194)[len(`{"link":0},`):] + `]}`
	group := `{"id":1,"group":[` + strings.Repeat(`{"id":2,"weight":1},`, 8192) + `{"id":2,"weight":1}]}`
	for _, tt := range []struct{ section, elements, want string }{
		{"gaps", `{"why":"x"}`, "element 1 has no fact"},
		{"gaps", `{"fact":"rules","family":5,"why":"x"}`, "a family that is none"},
		{"links", `{"index":1,"name":"lo"},{"index":1,"name":"b"}`, "element 2: its index 1"},
		{"links", `{"index":4294967297,"name":"b"}`, tooLarge},
		{"links", `{"index":1,"name":"lo"},{"index":2,"name":"lo"}`, "element 2: its name"},
		{"links", `{"index":1,"name":"lo","master":-1}`, "element 1: its master"},
		{"links", `{"index":1,"index":2,"name":"lo"}`, `element 1: "index" is there twice`},
		{"links", `{"index":1,"name":"lo","NAME":"b"}`, `element 1: "name" is there twice`},
		{"links", `{"index":1,"name":"lo","n\u0061me":"b"}`, `element 1: "name" is there twice`},
		{"device_order", `[1,2],[3,1,3]`, "device_order: element 2: the index 3"},
		{"device_order", `[1,0]`, "device_order: element 1: the index 0"},
		{"device_order", `[],[],[],[],[],[],[],[],[]`, "device_order: more than 8 lists"},
		{"addresses", `{"link":2,"scope":"global"}`, "element 1: no prefix"},
		{"addresses", `{"link":0,"prefix":"192.0.2.2/24","scope":"global"}`, "element 1: link 0"},
		{"addresses", `{"link":2,"prefix":"::ffff:192.0.2.2/24","scope":"global"}`, "an IPv4 address in the form of IPv6"},
		{"addresses", `{"link":2,"prefix":"192.0.2.2/24","peer":"2001:db8::1/128","scope":"global"}`, "peer 2001:db8::1/128"},
		{"addresses", `{"link":2,"prefix":"192.0.2.2/24","broadcast":"::ffff:192.0.2.255","scope":"global"}`, "broadcast"},
		{"rules", rule(``) + `,{"family":4,"priority":4,"action":"lookup","table":254}`, "element 2: priority 4 comes after 5"},
		{"rules", rule(`,"suppress_prefixlen":129`), "element 1: suppress_prefixlen 129"},
		{"rules", rule(`,"suppress_prefixlen":-2`), "element 1: suppress_prefixlen -2"},
		{"rules", rule(`,"suppress_ifgroup":-2`), "element 1: suppress_ifgroup -2"},
		{"rules", rule(`,"selector":{"to":"2001:db8::/32"}`), "2001:db8::/32 in a rule of IPv4"},
		{"rules", rule(`,"selector":{"to":"::ffff:10.0.0.0/104"}`), "in a rule of IPv4"},
		{"rules", rule(`,"selector":{"to":"10.0.0.0/8","to":"10.0.0.0/8"}`), `element 1: "to" is there twice`},
		{"rules", rule(`,"selector":{"has_uidrange":true,"uidrange":{"start":5,"end":4}}`), "uidrange 5-4"},
		{"rules", rule(`,"selector":{"dport":{"start":5,"end":4}}`), "a range of ports"},
		{"rules", `{"family":4,"priority":5,"action":"lookup"}`, "element 1: looks in no table"},
		{"rules", `{"family":4,"priority":5,"action":"goto","goto":5}`, "priority 5 goes to 5"},
		{"nexthops", `{"id":7},{"id":7}`, "element 2: its id 7"},
		{"nexthops", `{"family":4}`, "element 1: its id 0"},
		{"nexthops", `{"id":1,"group":[{"id":2,"weight":1}]},{"id":2,"group":[{"id":1,"weight":1}]}`, "id 1: its member 2 is a group"},
		{"nexthops", `{"id":1,"group":[{"id":1,"weight":1}]}`, "id 1: its member 1 is a group"},
		{"nexthops", `{"id":1,"group":[{"id":2,"weight":0}]}`, "id 1: its member 2 has weight 0"},
		{"nexthops", `{"id":1,"group":[{"id":2,"weight":-9}]}`, "id 1: its member 2 has weight -9"},
		{"nexthops", `{"id":1,"nexthop":{"gateway":"fe80::1%eth0","link":2}}`, "id 1: gateway fe80::1%eth0 has a zone"},
		{"nexthops", group, "id 1: it has more than 8192 members"},
		{"routes", ways, "element 1: it has more than 8192 next hops"},
		{"routes", way(`,"weight":-1`), "element 1: weight -1"},
		{"routes", way(`,"weight":70000`), "element 1: weight 70000"},
		{"routes", way(`,"gateway":"::ffff:192.0.2.1"`), "element 1: gateway ::ffff:192.0.2.1 is an IPv4 address"},
		{"routes", way(`,"gateway":"192.0.2.1","gateway":"192.0.2.9"`), `element 1: "gateway" is there twice`},
		{"routes", way(`,"link":-4`), `element 1: "link" is there twice`},
		{"routes", `{"dst":"10.0.0.0/8","type":"unicast"}`, "element 1: it is in no table"},
		{"routes", `{"table":254,"dst":"10.0.0.0/8"}`, "element 1: it has no type"},
		{"routes", `{"table":254,"dst":"10.0.0.0/8","type":"unicast","prefsrc":"::ffff:10.0.0.1"}`, "element 1: prefsrc"},
		{"routes", `{"table":254,"dst":"2001:db8::/32","type":"unicast","nexthops":[{"gateway":"192.0.2.1"}]}`, "gateway 192.0.2.1 of an IPv6 route"},
		{"neighbours", `{"link":2,"state":"STALE"}`, "element 1: "},
		{"neighbours", `{"link":2,"addr":"fe80::1%2","state":"STALE"}`, "element 1: "},
		{"labels", `{"prefix":"10.0.0.0/8","label":1}`, "element 1: "},
		{"sockets", `{}`, "element 1: "},
		{"sockets", `{"proto":6,"family":6,"local":"0.0.0.0:80","state":"listen","uid":0}`, "element 1: "},
	} {
		file := fmt.Sprintf(`{"routewhy":1,"%s":[%s]}`, tt.section, tt.elements)
		_, err := route.Decode(strings.NewReader(file))
		if err == nil || !strings.HasPrefix(err.Error(), "snapshot: "+tt.section+": ") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.200s: %v; want an error with %q", file, err, tt.want)
		}
	}
	for _, tt := range []struct{ file, want string }{
		{`{"routewhy":1,"sysctls":{"a":"1","a":"2"}}`, `sysctls: "a" is there twice`},
		{`{"routewhy":1,"names":{"tables":{"5":"a","5":"b"}}}`, `names: "5" is there twice`},
	} {
		if _, err := route.Decode(strings.NewReader(tt.file)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want an error with %q", tt.file, err, tt.want)
		}
	}
}

// TestKernelTakes reads odd things that a kernel accepts.
func TestKernelTakes(t *testing.T) {
	const file = `{"routewhy":1,
"addresses":[{"link":2,"prefix":"::ffff:10.0.0.1/128","scope":"global"}],
"rules":[{"family":6,"priority":1,"selector":{"from":"::ffff:10.0.0.0/104"},"action":"lookup","table":254,"suppress_prefixlen":-1,"suppress_ifgroup":-1}],
"routes":[{"table":254,"dst":"::ffff:0.0.0.0/96","type":"unreachable"},{"table":254,"dst":"2001:db8::/32","type":"unicast","nexthops":[{"gateway":"::ffff:10.0.0.9","link":2}]}]}`
	if _, err := route.Decode(strings.NewReader(file)); err != nil {
		t.Error(err)
	}
	s := &route.Snapshot{Rules: []route.Rule{{Family: route.IPv4, Action: route.ActionTable, Table: 254, SuppressPrefixLen: 200}}}
	var b bytes.Buffer
	if err := s.Encode(&b); err != nil {
		t.Fatal(err)
	}
	if got, err := route.Decode(&b); err != nil || got.Rules[0].SuppressPrefixLen != 128 {
		t.Errorf("%v, %v", got, err)
	}
}

// TestAllowance refuses files that take more memory than is allowed, whatever they
// contain. It refuses them before they take the memory.
func TestAllowance(t *testing.T) {
	list := func(section, element string) string {
		return `{"routewhy":1,"` + section + `":[` + strings.Repeat(element+",", 99_999) + element + `]}`
	}
	many := "[" + strings.Repeat("{},", 100_000) + "{}]"
	odd := `{"table":254,"dst":"10.0.0.0/8","type":"unicast","unknown":[` + strings.Repeat("{},", 10_000) + `{}]}`
	for name, file := range map[string]string{
		"sockets":    list("sockets", "{}"),
		"neighbours": list("neighbours", "{}"),
		"order":      list("device_order", "[]"), // small, but slow to read
		"next hops":  `{"routewhy":1,"routes":[{"nexthops":` + many + `}]}`,
		"unknown":    `{"routewhy":1,"rules":[{"unknown":` + many + `}]}`,
		"owners":     `{"routewhy":1,"sockets":[{"owners":` + many + `}]}`,
		"tables":     `{"routewhy":1,"gaps":[{"tables":[` + strings.Repeat("1,", 1_000_000) + `1]}]}`,
		"routes":     `{"routewhy":1,"routes":[{"table":254,"dst":"10.0.0.0/8","type":"unicast"}` + strings.Repeat(`,"10.0.0.0/8"`, 100_000) + `]}`,
		"alike":      `{"routewhy":1,"routes":[` + strings.Repeat(odd+",", 100) + odd + `]}`,
		"settings":   `{"routewhy":1,"sysctls":{` + counted(`"%d":""`, 50_000) + `}}`,
		"names":      `{"routewhy":1,"names":{"tables":{` + counted(`"%d":""`, 50_000) + `}}}`,
	} {
		_, _, err := route.DecodeList(strings.NewReader(file), route.NewAllowance(6<<20))
		if limit := new(route.LimitError); !errors.As(err, &limit) || limit.Limit != 6<<20 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// counted repeats a text with numbers in it.
func counted(format string, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}
