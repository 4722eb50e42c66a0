package load

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// sosFiles are the files of a sosreport that are read, the best of each kind first. The
// output of a command is in a file that is named after the command
// (sos/report/plugins/networking.py, kernel.py and date.py of sos 4).
func sosFiles() []string {
	return []string{
		"etc/iproute2/rt_tables", "usr/share/iproute2/rt_tables", "usr/lib/iproute2/rt_tables",
		"etc/iproute2/rt_protos", "usr/share/iproute2/rt_protos", "usr/lib/iproute2/rt_protos",
		"sos_commands/kernel/uname_-a", "sos_commands/date/date_--utc",
		networking + "ip_-d_address", networking + "ip_-d_address_show", networking + "ip_address", networking + "ip_address_show", networking + "ip_-o_addr",
		networking + "ip_-s_-d_link", networking + "ip_-d_link", networking + "ip_link",
		networking + "ip_nexthop", networking + "ip_nexthop_show",
		networking + "ip_route_show_table_all", networking + "ip_-6_route_show_table_all",
		networking + "ip_-4_rule_list", networking + "ip_-4_rule", networking + "ip_rule_list",
		networking + "ip_-6_rule_list", networking + "ip_-6_rule",
		networking + "ip_-s_-s_neigh_show", networking + "ip_neigh_show",
		networking + "sysctl_-a", "sos_commands/kernel/sysctl_-a",
		networking + "netstat_-W_-agn", networking + "netstat_-agn", "proc/net/igmp", "proc/net/igmp6", networking + "ip_maddr_show",
		"proc/net/route", "proc/net/ipv6_route",
	}
}

const networking = "sos_commands/networking/"

// inNamespace matches the file with the output of a command in a network namespace. A
// namespace has its own folder or, before sos 4.2, only its own file names.
var inNamespace = lazily(`^sos_commands/networking/(?:namespaces/[^/]+/)?ip_netns_exec_(.+)$`)

// sosMember is the place of an archive's member among the files of a sosreport.
type sosMember struct {
	rank  int
	netns string // empty: the host's own
	name  string // without the namespace
}

// sosPlace finds the place of a member. False: the member is not wanted. The path may
// begin with the report's own folder.
func sosPlace(path string) (sosMember, bool) {
	for _, start := range []string{"sos_commands/", "etc/", "usr/", "proc/"} {
		if i := strings.Index("/"+path, "/"+start); i >= 0 && !strings.Contains(strings.TrimSuffix(path[:i], "/"), "/") {
			path = path[i:]
			break
		}
	}
	if at := inNamespace().FindStringSubmatch(path); at != nil {
		return namespacePlace(at[1])
	}
	rank := slices.Index(sosFiles(), path)
	return sosMember{rank: rank, name: path}, rank >= 0
}

// namespacePlace splits NAME_COMMAND. Both may have underscores.
func namespacePlace(s string) (sosMember, bool) {
	for rank, name := range sosFiles() {
		command, ok := strings.CutPrefix(name, networking)
		netns, found := strings.CutSuffix(s, "_"+command)
		if ok && found && netns != "" {
			return sosMember{rank, netns, name}, true
		}
	}
	return sosMember{}, false
}

// sosReport gathers the wanted files of a report.
type sosReport struct {
	files      []sosFile
	namespaces map[string]bool
}

type sosFile struct {
	sosMember
	path string
	body memberText // of an archive's member
}

func (r *sosReport) add(m sosMember, path string, body memberText) {
	if r.namespaces == nil {
		r.namespaces = map[string]bool{}
	}
	if m.netns != "" {
		r.namespaces[m.netns] = true
	}
	r.files = append(r.files, sosFile{m, path, body})
}

// of gives the files about one namespace, in the order in which they are read. All
// namespaces share the host's names of tables.
func (r *sosReport) of(netns string) ([]sosFile, error) {
	if netns != "" && !r.namespaces[netns] {
		return nil, &NamespaceError{netns, slices.Sorted(maps.Keys(r.namespaces))}
	}
	files := slices.DeleteFunc(slices.Clone(r.files), func(f sosFile) bool {
		return f.netns != netns && (f.netns != "" || strings.HasPrefix(f.name, networking) || strings.HasPrefix(f.name, "proc/") || strings.HasSuffix(f.name, "sysctl_-a"))
	})
	slices.SortStableFunc(files, func(a, b sosFile) int {
		return cmp.Or(a.rank-b.rank, strings.Compare(a.path, b.path))
	})
	return files, nil
}

// NamespaceError says that the files know no network namespace of that name.
type NamespaceError struct {
	Name  string
	Known []string // those that they know besides the host's own
}

func (e *NamespaceError) Error() string {
	if len(e.Known) == 0 {
		return fmt.Sprintf("no network namespace %q: the files tell of one namespace alone", e.Name)
	}
	return fmt.Sprintf("no network namespace %q in the files", e.Name)
}
