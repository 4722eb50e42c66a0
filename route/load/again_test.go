package load_test

import (
	"bytes"
	"strings"
	"testing"

	"routewhy/route"
	"routewhy/route/load"
)

// saveAgain saves what was read, reads it again, and saves that. The two saved texts are
// the same.
func saveAgain(t *testing.T, r *load.Result) {
	t.Helper()
	first := encoded(t, r.Snapshot, r.Routes)
	snap, routes, err := route.DecodeList(bytes.NewReader(first), nil)
	if err != nil {
		t.Fatalf("what was made of it is no snapshot: %v", err)
	}
	if second := encoded(t, snap, routes); !bytes.Equal(first, second) {
		t.Errorf("saved\n%s\nand once more\n%s", first, second)
	}
}

func encoded(t *testing.T, s *route.Snapshot, routes *route.List) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.EncodeWith(&b, routes); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestLoadsAgain reads lines that say what no kernel can have. They are kept as odd, and
// the result can be saved and read again.
func TestLoadsAgain(t *testing.T) {
	const route4 = "default via 192.0.2.1 dev eth0\n"
	rule := func(words string) string { return "0:\tfrom all lookup local\n5:\tfrom all " + words + "\n" }
	jsonRule := func(members string) string {
		return `[{"priority":5,"src":"all","table":"main",` + members + `}]`
	}
	for name, text := range map[string]string{
		"ports":                  rule("sport 90-80 lookup main"),
		"ports to":               rule("dport 90-80 lookup main"),
		"users":                  rule("uidrange 9-8 lookup main"),
		"goto back":              rule("goto 4"),
		"goto itself":            rule("goto 5"),
		"goto none":              rule("goto none"),
		"table 0":                rule("lookup 0"),
		"JSON ports":             jsonRule(`"sport_start":90,"sport_end":80`),
		"JSON users":             jsonRule(`"uid_start":9,"uid_end":8`),
		"route of table 0":       "10.0.0.0/8 dev eth0 table 0\n" + route4,
		"JSON route of table 0":  `[{"dst":"10.0.0.0/8","dev":"eth0","table":0,"flags":[]}]`,
		"type 0":                 "unspec 10.0.0.0/8 dev eth0\n",
		"gateway":                "10.0.0.0/8 via ::ffff:192.0.2.1 dev eth0\n",
		"weight":                 `[{"dst":"default","flags":[],"nexthops":[{"dev":"a","weight":65537},{"dev":"b"}]}]`,
		"negative weight":        `[{"dst":"default","flags":[],"nexthops":[{"dev":"a","weight":-3},{"dev":"b"}]}]`,
		"index":                  "4294967295: eth0: <UP> mtu 1500\n" + route4,
		"JSON index":             `[{"ifindex":4294967295,"ifname":"eth0","flags":["UP"]}]`,
		"peer":                   "2: eth0: <UP> mtu 1500\n    inet 192.0.2.2 peer 2001:db8::1/24 scope global eth0\n" + route4,
		"broadcast":              "2: eth0: <UP> mtu 1500\n    inet 192.0.2.2/24 brd ::1 scope global eth0\n" + route4,
		"mapped address":         "2: eth0: <UP> mtu 1500\n    inet6 ::ffff:192.0.2.2/24 scope global\n" + route4,
		"JSON peer":              `[{"ifindex":2,"ifname":"eth0","flags":["UP"],"addr_info":[{"local":"192.0.2.2","address":"2001:db8::1","prefixlen":24,"scope":"global"}]}]`,
		"object 0":               "id 0 via 192.0.2.1 dev eth0\n" + route4,
		"object's gateway":       "id 1 via ::ffff:192.0.2.1 dev eth0\n" + route4,
		"group of groups":        "id 1 via 192.0.2.1 dev eth0\nid 2 group 1\nid 3 group 1/2\n" + route4,
		"group of itself":        "id 2 group 2\n" + route4,
		"member's weight":        "id 1 via 192.0.2.1 dev eth0\nid 2 group 1,0\n" + route4,
		"JSON member's weight":   `[{"id":2,"group":[{"id":1,"weight":65537}]}]`,
		"suppressed length":      rule("lookup main suppress_prefixlength 200"),
		"names that are no text": "default via 192.0.2.1 dev a\xff\n10.0.0.0/8 dev a\xfe table b\xff\n",
	} {
		t.Run(name, func(t *testing.T) {
			r, err := load.Files(strings.NewReader(text), load.Stdin)
			if err != nil {
				t.Fatal(err)
			}
			saveAgain(t, r)
		})
	}
}

// TestOddRulesStay: rules that no kernel can have are kept with their priorities, so that
// the decision is unknown for packets that reach them.
func TestOddRulesStay(t *testing.T) {
	for _, words := range []string{"sport 90-80 lookup main", "uidrange 9-8 lookup main", "goto 4", "lookup 0"} {
		r, err := load.Files(strings.NewReader("0:\tfrom all lookup local\n5:\tfrom all "+words+"\n"), load.Stdin)
		if err != nil || len(r.Faults) != 1 {
			t.Fatalf("%s: %v, %+v", words, err, r)
		}
		if rule := r.Snapshot.Rules[1]; rule.Priority != 5 || len(rule.Unknown) == 0 {
			t.Errorf("%s: %+v", words, rule)
		}
	}
}
