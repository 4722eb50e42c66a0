package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"routewhy/route"
)

// reachPage is what `--sockets -v` prints, read back.
type reachPage struct {
	text    string
	sockets map[string]*pageSocket // by protocol and port
	addrs   []pageLocal
}

// pageSocket is what is said about a socket.
type pageSocket struct {
	addr   string // that it is bound to, with its device
	groups []pageLocal
}

// pageLocal are the lines about some addresses; without a name: about all.
type pageLocal struct {
	names []string
	lines []string
}

var (
	socketRow = regexp.MustCompile(`^  (tcp|udp)  (\S+):(\d+) +(?:no process|\S+ \(\d+\)|uid \d+)(?:  +(.*))?$`)
	localRow  = regexp.MustCompile(`^  (\S+) +(\S+) +(.+)$`)
	namedLine = regexp.MustCompile(`^((?:[0-9a-f.:/]+(?:%\w+)?(?: \(anycast\))?, )*[0-9a-f.:/]+(?:%\w+)?(?: \(anycast\))?): (.*)$`)
)

// readPage runs the program on the lab's host.
func (l *lab) readPage() *reachPage {
	l.t.Helper()
	var stdout, stderr bytes.Buffer
	s := testIO(&stdout, &stderr)
	s.StdoutTTY, s.Width = true, 100000 // a line for each sentence
	s.LookupEnv = func(name string) (string, bool) { return "1", name == "NO_COLOR" }
	l.Do(func() {
		if status := run(l.t.Context(), []string{"--sockets", "-v"}, s); status != exitOK {
			l.t.Fatalf("--sockets: %d: %s", status, &stderr)
		}
	})
	p := &reachPage{text: stdout.String(), sockets: map[string]*pageSocket{}}
	p.read()
	return p
}

func (p *reachPage) read() {
	var socket *pageSocket
	locals := false
	for line := range strings.Lines(p.text) {
		line = strings.TrimSuffix(line, "\n")
		switch row, local := socketRow.FindStringSubmatch(line), localRow.FindStringSubmatch(line); {
		case strings.HasPrefix(line, "this host's addresses"):
			socket, locals = nil, true
		case line == "":
			socket, locals = nil, false
		case row != nil:
			socket = &pageSocket{addr: row[2]}
			p.sockets[row[1]+" "+row[3]] = socket
			socket.add(row[4])
		case socket != nil:
			socket.add(strings.TrimSpace(line))
		case locals && local != nil && line[2] != ' ':
			one := pageLocal{names: []string{local[1]}, lines: []string{local[3]}}
			if as, ok := strings.CutPrefix(local[3], "as "); ok {
				at := slices.IndexFunc(p.addrs, func(o pageLocal) bool { return o.names[0] == as })
				one.lines = p.addrs[at].lines
			}
			if a, err := netip.ParseAddr(local[1]); err == nil && a.Is6() && a.IsLinkLocalUnicast() {
				one.names[0] += "%" + local[2]
			}
			p.addrs = append(p.addrs, one)
		case locals:
			one := &p.addrs[len(p.addrs)-1]
			one.lines = append(one.lines, strings.TrimSpace(line))
		}
	}
}

// add reads a line about a socket.
func (s *pageSocket) add(line string) {
	for _, part := range []string{"IPv6 and IPv4", "IPv6 alone (v6only)", "IPv4 alone (IPv4-mapped)"} {
		line = strings.TrimPrefix(strings.TrimPrefix(line, part), "; ")
	}
	if strings.HasPrefix(line, "only what comes in on ") {
		_, line, _ = strings.Cut(line, "; ")
	}
	line = strings.TrimPrefix(strings.TrimPrefix(line, "datagrams to all hosts on a link arrive too"), "; ")
	if line == "" {
		return
	}
	if m := namedLine.FindStringSubmatch(line); m != nil {
		s.groups = append(s.groups, pageLocal{names: strings.Split(m[1], ", "), lines: []string{m[2]}})
		return
	}
	if len(s.groups) == 0 {
		s.groups = append(s.groups, pageLocal{})
	}
	last := &s.groups[len(s.groups)-1]
	last.lines = append(last.lines, line)
}

// lines are the lines about an address at a socket. A link-local address has a zone
// there.
func (p *reachPage) lines(s *pageSocket, a netip.Addr) []string {
	every := strings.HasPrefix(s.addr, "0.0.0.0") || strings.HasPrefix(s.addr, "[::]") || strings.HasPrefix(s.addr, "[::%")
	groups := s.groups
	if every && !strings.Contains(s.addr, "%") && linesOf(groups, a) == nil {
		groups = p.addrs
	}
	return linesOf(groups, a)
}

// speaksOf reports whether the page means an address too where it says something about all
// addresses of this host. An anycast address is meant for UDP alone.
func speaksOf(s *route.Snapshot, c *conn) bool {
	return c.spec.isGroup() || slices.ContainsFunc(s.Addrs, func(a route.Addr) bool {
		return a.Prefix.Addr() == c.dst || a.Prefix.Contains(c.dst) && c.dst.IsLoopback()
	}) ||
		c.spec.proto == route.ProtoUDP && slices.ContainsFunc(s.Routes, func(r route.Route) bool { return r.Type == route.TypeAnycast && r.Dst.Addr() == c.dst })
}

// linesOf are those about an address.
func linesOf(all []pageLocal, a netip.Addr) []string {
	var out []string
	for _, g := range all {
		if len(g.names) == 0 || slices.ContainsFunc(g.names, func(n string) bool { return holds(n, a) }) {
			out = append(out, g.lines...)
		}
	}
	return out
}

// holds reports whether a printed prefix or address covers an address.
func holds(text string, a netip.Addr) bool {
	text = strings.TrimSuffix(text, " (anycast)")
	if p, err := netip.ParsePrefix(text); err == nil {
		return p.Contains(a)
	}
	return text == a.String()
}

// sentence is what is said about a client.
type sentence struct {
	text      string
	delivered bool
	answered  bool
	some      bool     // of the answers are lost
	perhaps   bool     // there is an answer, by any device
	by        []string // devices; of those that are answered, none: the uplink
}

// agree compares what happened with what is printed.
func (p *reachPage) agree(l *lab, c *conn) error {
	s := p.sockets[fmt.Sprintf("%s %d", protoName(c.spec.proto), c.spec.port)]
	if s == nil {
		return fmt.Errorf("the page does not show the socket")
	}
	dst := c.dst
	if dst.Is6() && dst.IsLinkLocalUnicast() && c.lan >= 0 {
		dst = dst.WithZone(fmt.Sprintf("e%d", c.lan))
	}
	lines := p.lines(s, dst)
	if !speaksOf(l.fib.Snapshot(), c) {
		lines = nil
	} else if lines == nil && isAnycast(dst) && c.spec.proto == route.ProtoUDP && c.spec.addr.IsUnspecified() && c.spec.addr.Is6() {
		lines = p.lines(s, netip.PrefixFrom(dst, 64).Addr().Next().Next()) // not listed where it is reached like the device's other addresses
	}
	if c.lan < 0 {
		alone, nobody := slices.Contains(lines, "this host alone"), len(lines) == 0 || slices.Equal(lines, []string{"nobody"})
		if alone && !c.connected || nobody && c.connected {
			return fmt.Errorf("the host itself connects: %v; printed: %q", c.connected, lines)
		}
		return nil
	}
	uplink := fmt.Sprintf("e%d", c.lan)
	said, err := saidOf(lines, uplink, c.src)
	if err != nil {
		return err
	}
	var by []string
	for _, link := range c.answers {
		by = append(by, l.Name(link))
	}
	if said.answered && said.by == nil {
		said.by = []string{uplink}
	}
	strange := func(dev string) bool { return !slices.Contains(said.by, dev) }
	switch {
	case c.spec.isGroup() && c.received == said.delivered:
	case c.spec.proto == route.ProtoUDP && c.received != said.delivered:
		return fmt.Errorf("delivered: %v; printed: %q", c.received, said.text)
	case said.perhaps:
	case (len(by) > 0) != said.answered && (len(by) > 0 || !said.some), slices.ContainsFunc(by, strange):
		return fmt.Errorf("answered by %v; printed: %q", by, said.text)
	case c.connected != slices.Contains(by, uplink):
		return fmt.Errorf("connected: %v; printed: %q", c.connected, said.text)
	}
	return nil
}

// saidOf is what lines say about a client of an uplink.
func saidOf(lines []string, uplink string, client netip.Addr) (sentence, error) {
	for _, line := range lines {
		devs, text, ok := strings.Cut(strings.TrimPrefix(line, "from "), ": ")
		if !ok || !strings.HasPrefix(line, "from ") || !slices.Contains(listItems(devs), uplink) {
			continue
		}
		best, bits := sentence{}, -1
		for item := range strings.SplitSeq(text, "; ") {
			s, clients, err := readSentence(item)
			if err != nil {
				return s, err
			}
			for _, p := range clients {
				if p.Contains(client) && p.Bits() > bits {
					best, bits = s, p.Bits()
				}
			}
		}
		if bits < 0 {
			return best, fmt.Errorf("nothing is said about %s: %q", client, line)
		}
		best.text = line
		return best, nil
	}
	return sentence{text: strings.Join(lines, "\n")}, nil
}

var (
	getsAnswer = regexp.MustCompile(`^(.+?) get answers by (.+?)(, which networks may drop|, but some (?:perhaps )?get none \(.*\))?$`)
	getsNone   = regexp.MustCompile(`^(.+?)( perhaps)? get no answer( unless .*| \(.*\))$`)
	isDropped  = regexp.MustCompile(`^(.+?) are (dropped on \S+ \(.*\)|not delivered here \(.*\))$`)
)

// readSentence is a part of a line: what is said, and about whom.
func readSentence(item string) (s sentence, clients []netip.Prefix, err error) {
	who := item
	s.delivered, s.answered = true, true
	if m := getsAnswer.FindStringSubmatch(item); m != nil {
		who, s.by, s.some = m[1], strings.Split(m[2], " or "), strings.HasPrefix(m[3], ", but")
	} else if m := getsNone.FindStringSubmatch(item); m != nil {
		who, s.answered, s.perhaps = m[1], false, m[2] != ""
	} else if m := isDropped.FindStringSubmatch(item); m != nil {
		who, s.answered, s.delivered = m[1], false, false
	}
	if rest, ok := strings.CutPrefix(who, "anyone ("); ok {
		who = "anyone, " + strings.TrimSuffix(rest, " too)")
	}
	for _, one := range listItems(who) {
		if one == "anyone" || one == "all" || one == "others" {
			clients = append(clients, netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0"))
			continue
		}
		p, err := netip.ParsePrefix(one)
		if a, err2 := netip.ParseAddr(one); err2 == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return s, nil, fmt.Errorf("cannot read %q", item)
		}
		clients = append(clients, p)
	}
	return s, clients, nil
}

// listItems are those of a list in words.
func listItems(text string) []string {
	return strings.Split(strings.ReplaceAll(text, " and ", ", "), ", ")
}

// count compares the numbers of the headline with what happened: no more sockets may
// be reached from other networks, from neighbours or from this host than it says.
func (p *reachPage) count(conns []*conn) error {
	head, _, _ := strings.Cut(p.text, "\n")
	head = strings.ReplaceAll(head, "perhaps from", "from")
	of := map[string]int{} // the best that happened to each socket: 4 other networks, 3 neighbours, 2 a datagram without an answer, 1 this host
	for _, c := range conns {
		key, reach := fmt.Sprintf("%s %d", protoName(c.spec.proto), c.spec.port), 0
		switch {
		case c.lan < 0 && c.connected:
			reach = 1
		case len(c.answers) > 0 && remote(c.src):
			reach = 4
		case len(c.answers) > 0:
			reach = 3
		case c.lan >= 0 && c.received && c.spec.proto == route.ProtoUDP:
			reach = 2
		}
		of[key] = max(of[key], reach)
	}
	said := make([]int, 5)
	total := 0
	for i, words := range []string{"from nowhere", "from this host alone", "from other hosts by datagrams", "from neighbours alone", "from other networks"} {
		all := regexp.MustCompile(`(\d+) (?:can be reached )?`+words).FindAllStringSubmatch(head, -1)
		for _, m := range all {
			count, _ := strconv.Atoi(m[1])
			said[i] += count
		}
		if len(all) == 0 && strings.HasPrefix(head, "1 socket listens: ") && strings.Contains(head, words) {
			said[i] = 1
		}
		total += said[i]
	}
	if total != len(p.sockets) {
		return fmt.Errorf("%d sockets: %q", len(p.sockets), head)
	}
	for least := 1; least <= 4; least++ {
		happened, most := 0, 0
		for _, reach := range of {
			if reach >= least {
				happened++
			}
		}
		for reach := least; reach <= 4; reach++ {
			most += said[reach]
		}
		if happened > most {
			return fmt.Errorf("%d sockets were reached as far as %d; printed: %q", happened, least, head)
		}
	}
	return nil
}
