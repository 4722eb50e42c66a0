package load

import (
	"strings"

	"routewhy/route/iproute2"
)

// Shapes of lines.
var (
	ruleLine    = lazily(`^(\d+):\s+(not\s|from\s|\[detached\])`)
	linkLine    = lazily(`^(\d+):\s(\S+):\s<`)
	oneLine     = lazily(`^(\d+):\s(\S+)\s+(inet6?)\s`)
	sysctlLine  = lazily(`^[a-z]+\.[a-z0-9_.]+.* ?= ?`)
	settingLine = lazily(`^/proc/sys/(net/[^:= ]+)(?: = |[:=] ?)(.*)$`)
	unameLine   = lazily(`^Linux \S+ \d+\.\d+\S* #`)
	briefLine   = lazily(`^\S+ +(?:UNKNOWN|NOTPRESENT|DOWN|LOWERLAYERDOWN|TESTING|DORMANT|UP)(?: +(?:[0-9a-f.:]+(?:/\d+| peer )|(?:[0-9a-f]{2}:){5}[0-9a-f]{2}(?: <|$)).*)?$`)
	// The first line of a device, as current and old net-tools write it.
	ifconfigLine = lazily(`^\S+(?:: flags=[0-9a-f]+<[A-Z0-9_,]*>\s+(?:metric \d+ )?mtu \d+|\s+Link encap:\S)`)
	ipv6Line     = lazily(`^[0-9a-f]{32} [0-9a-f]{2} [0-9a-f]{32} `)
)

// isRecord reports whether a line is one that ip -o writes.
func isRecord(s string) bool {
	s = strings.TrimLeft(s, " \t")
	if oneLine().MatchString(s) || linkLine().MatchString(s) {
		return true
	}
	first, _, _ := strings.Cut(s, `\`) // a route may have next hops alone
	return beginsRoute(strings.Fields(first))
}

// decimal reads the digits that a pattern has found.
func decimal(s string) uint32 {
	n, _ := iproute2.ParseUint(strings.TrimRight(s, ":"), 32)
	return uint32(n)
}

// unnumbered removes a line's number if it is the next after the number before it, or is
// that of the line in the file. Other numbers stay: 1 and 2 are also types of routes.
func (t *lines) unnumbered(s string, w []string) []string {
	if s = strings.TrimLeft(s, " \t"); len(w) < 2 || t.numeric || s == "" || s[0] < '0' || s[0] > '9' || strings.ContainsAny(w[0], "./") {
		return w
	}
	m := numbered().FindStringSubmatch(s)
	if m == nil {
		return w
	}
	n := int(decimal(m[1]))
	if n != t.number+1 && (n != t.line || n == 0) {
		return w
	}
	rest := strings.TrimSpace(s[len(m[0]):])
	inner := strings.Fields(rest)
	switch {
	case len(inner) == 0 || numericWords().MatchString(s):
		return w
	case t.link == 0 && (beginsRoute(inner) && !ruleLine().MatchString(s) || ruleLine().MatchString(rest) || linkLine().MatchString(rest)):
		t.number = n
		return inner
	}
	return w
}
