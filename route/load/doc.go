// Package load makes a [route.Snapshot] out of files: what routewhy saved, and
// the listings of other programs that people send each other. What a file is
// is recognised by its content.
//
// A file is data from a stranger: what it may cost in memory and time is
// bounded, and nothing outside it is ever opened because of it.
//
// # What each format loses
//
// With a snapshot, routewhy explains a host as if it ran on that host, except that the
// kernel's own answer is missing. Listings tell less. What is missing is a [route.Gap]
// of the snapshot. If routewhy assumes something usual instead, every answer that
// depends on it says so. TestFormatsAgree compares the decisions from all formats
// except the last three with those from the live kernel, over random set-ups.
//
//	format                        does not tell
//	--save                        nothing
//	--dump --json                 devices except their names, addresses, next-hop objects, neighbours,
//	                              settings; next hops' flags except onlink, dead and linkdown
//	ip -j -d, one file a listing  selectors and attributes that are newer than that ip; times below a
//	                              second; address labels; whether local and main are one table
//	                              (so which of two equal routes in them is first is not known, and
//	                              where main has a longer prefix than local, the decision is unknown);
//	                              settings, without `sysctl -a`; the order in which devices came, without
//	                              /proc/net/igmp, /proc/net/igmp6 or `netstat -g`; which groups the
//	                              devices have joined, without /proc/net/igmp and igmp6 or `ip maddr`;
//	                              neighbours of state NOARP and NONE, without `nud all`
//	ip, as text                   the same; and the family of a default route or a rule whose line has no
//	                              address, if neither the command nor the file's name tells it
//	ip route save                 rules, devices' names, addresses, neighbours, next-hop objects
//	                              (their routes have the next hops), settings
//	sosreport                     next-hop objects, address labels, sockets; the same for namespaces
//	                              other than the host's own (their names are listed)
//	ip -br addr                   the flags of addresses, lifetimes, devices' flags
//	route, netstat -r,            all tables except main; rules; type (a reject may be unreachable or prohibit;
//	/proc/net/route               blackhole and throw are reported, because they look the same), scope
//	                              except link, prefsrc, protocol, TOS, all next hops except the first;
//	                              netstat -rn: the metric
//	route -6, /proc/net/          which table (what only table local has goes there, the rest to main);
//	ipv6_route                    type (each that refuses, and throw, is taken as unreachable); route -6:
//	                              the source prefix, preference
//
// If only one table is listed, the others are unknown. A decision that would ask them
// is unknown too. Table default is an exception: it is assumed to be empty if main is
// listed. If no rules are listed, the default ones are assumed. If table local is not
// listed, it is made from the addresses. If these are not listed either, it is made
// from the sources of the routes that the kernel itself makes. If no rules are listed, but a
// table to which no default rule leads, a rule may lead there: what that table has a route
// for, and the default rules find nothing for, is unknown. What the default rules decide
// otherwise than that table would is said to rest on them. If `ip route get` found a route
// that the listed tables do not have, or one of another table, there are other rules, and
// the default ones are not assumed. What a command printed in a container or on another host is
// kept apart, as that of another network namespace. So is what was typed in a shell there.
//
// Words that a log puts before every line are left out: a time, a host, the name of a
// container, a quote. Most lines must have them, no line of a listing may lack them, and
// what follows them must surely be a listing. Lines of other hosts and containers stay, and are
// not understood. What programs write as a text in JSON (Ansible's stdout, the log of a container)
// is read as text. What `ip monitor` and `cat /etc/...` printed is no table.
//
// # What is not understood, or not there
//
// A line that was not understood is kept as far as it was understood. A rule is kept
// with its priority and an unknown selector. A route is kept with its prefix
// ([route.FlagOdd]), or with a gateway that is not readable ([route.NextHopUnread]). If
// a line among routes is not understood at all, but names a prefix, it counts as a route to
// that prefix. If the prefix of a route is not readable, its table is known only in part
// ([route.FactPart]). A table is also known only in part if a command shows only some
// of its routes (grep, one device, one prefix) or if somebody cut off the rest. If what
// is not known may decide, the decision is unknown.
//
// If a table is listed several times, the first whole listing counts, or another that
// agrees with it and tells more; what differs is a [Fault]. If no listing is whole, all
// count together. The routes that netstat -rn lists have no metrics: if several have the
// same prefix, nobody knows which one is taken ([route.FlagNoMetric]).
package load
