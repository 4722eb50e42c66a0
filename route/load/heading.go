package load

import (
	"slices"
	"strings"

	"routewhy/route"
	"routewhy/route/iproute2"
)

// Some reports have headings of their own above a table, which no command prints.
// Examples are mwan3's status, Android's dumpstate and people's notes.
var (
	tableHeading = lazily(`^(?i:(?:(?:ip|ipv4|ipv6|inet6?|linux|kernel) +)?(?:rout(?:e|es|ing) +)?(?:table|vrf))(\s*[:=#]\s*|\s+)["'<(\[]?([\w.@+-]+)["'>)\]]?(?:\s*\(?(?i:(ipv4|ipv6|inet6?|v4|v6))\)?)?\s*([:]?)\s*(.*)$`)
	plainHeading = lazily(`^(?i:(main|local|default)(?: +(?:rout(?:e|es|ing)))?(?: +table)?)\s*:?$`)
	sixHeading   = lazily(`(?i)\b(?:ipv6|inet6)\b`)
	fourHeading  = lazily(`(?i)\b(?:ipv4|inet)\b`)
	aboutTables  = lazily(`(?i)\b(?:rout(?:e|es|ing)|rules?|default|table)\b`)
)

// tableHeadingIn is the context that a heading gives, and the rest of the line after
// the heading. False: it is no known heading.
func tableHeadingIn(s string) (c context, rest string, ok bool) {
	s = strings.Trim(s, " \t=-#*_~")
	if m := plainHeading().FindStringSubmatch(s); m != nil {
		return context{kind: kindRoutes, tableName: strings.ToLower(m[1])}, "", true
	}
	m := tableHeading().FindStringSubmatch(s)
	if m == nil {
		return c, "", false
	}
	name, rest := m[2], strings.Trim(m[5], " \t=-#*_~")
	told := strings.ContainsAny(m[1], ":=#") || m[4] != "" || m[3] != ""
	if _, err := iproute2.ParseUint(name, 32); err == nil || slices.Contains([]string{"main", "local", "default"}, strings.ToLower(name)) {
		told = true
	}
	if rest != "" && !beginsRoute(strings.Fields(rest)) || !told || slices.Contains([]string{"follows", "below", "is", "now", "looks", "here", "output", "listing", "master", "master4", "master6"}, name) {
		return c, "", false
	}
	c = context{kind: kindRoutes, family: familyWord(m[3])}
	c.vrf = strings.Contains(strings.ToLower(s[:len(s)-len(m[5])]), "vrf")
	if c.tableNamed(name); name == "all" {
		c.all = true
	}
	return c, rest, true
}

func familyWord(s string) route.Family {
	switch strings.ToLower(s) {
	case "ipv4", "inet", "v4":
		return route.IPv4
	case "ipv6", "inet6", "v6":
		return route.IPv6
	}
	return 0
}

// familyHeading is the family that a heading names whose words are otherwise not known;
// zero: none.
func familyHeading(s string) route.Family {
	if len(s) > 60 {
		return 0
	}
	six, four := sixHeading().MatchString(s), fourHeading().MatchString(s)
	switch {
	case six == four || !aboutTables().MatchString(s):
		return 0
	case six:
		return route.IPv6
	}
	return route.IPv4
}

// Lines that say nothing. They are not reported.
var (
	decoration = lazily(`^[-=#*_~─━═+|│┌┐└┘├┤ ]+$`)
	noise      = lazily(`^(?:Script (?:started|done)\b.*|-+ .* was the duration of .*|\[.*elapsed\]|sysctl: .*|error: permission denied on key .*|#==\[.*\]=+#|Warning: Executing wildcard deletion.*|exit|logout|\++(?:Net device|Route IPv[46]) info\++|[┌╭]─.*|\S{0,60}[@:~\w\])/] ?[$#%❯➜»λ›>])$`)
	// fileHeading is what head(1) and tail(1) write above each of several files.
	fileHeading = lazily(`^==> (.+) <==$`)
	// promptLine is a prompt with a command whose output is not read here.
	promptLine = lazily(`^(?:(?:\S{0,60}[@:~\w\])/] ?)?[$%❯➜»λ›] ?|\[?\w[\w.-]*@[^ ]{1,60} ?[^ ]{0,60}\]?[#>] ?|PS \S+> ?|\S*~?[#] )\S`)
	cutShort   = lazily(`^(?:\.{3,}|…|\[(?:\.\.\.|…)\]|<?-*\(?(?i:snip|cut|truncated|omitted)\)?[^ ]*>?|--More--.*|\[(?i:snip|truncated|omitted).*\]|\.\.\. *\(?\d+ .*|[-(<\[]*\d+ (?:more|lines|routes).*)$`)
	// emptyTable is what ip(8) says about a table that does not exist.
	emptyTable = lazily(`FIB table does not exist|^Dump terminated`)
)
