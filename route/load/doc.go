// Package load makes a [route.Snapshot] out of files: what routewhy saved, and
// the listings of other programs that people send each other. What a file is
// is recognised by its content.
//
// A file is data from a stranger: what it may cost in memory and time is
// bounded, and nothing outside it is ever opened because of it.
//
// # What each format loses
//
// From a snapshot a host is explained as if one were on it, except for the kernel's
// own answer. Listings tell less. What is missing is a [route.Gap] of the
// snapshot; where something usual stands in for it, that is said with every
// answer that rests on it. TestFormatsAgree compares the decisions from all but
// the last three with those from the live kernel, over random set-ups.
//
//	format                        does not tell
//	--save                        nothing
//	--dump --json                 devices but by name, addresses, next-hop objects, neighbours,
//	                              settings; next hops' flags but onlink, dead and linkdown
//	ip -j -d, one file a listing  selectors and attributes that are newer than that ip; times below a
//	                              second; address labels; whether local and main are one table
//	                              (so which of two equal routes in them is first is not known, and
//	                              where main has a longer prefix than local, the decision is unknown);
//	                              settings, without `sysctl -a`; in which order the devices came, without
//	                              /proc/net/igmp, /proc/net/igmp6 or `netstat -g`; which IPv4 groups
//	                              the devices have joined, without /proc/net/igmp; neighbours of state
//	                              NOARP and NONE, without `nud all`
//	ip, as text                   the same; and the family of a default route or a rule whose line has no
//	                              address, where neither the command nor the file's name tells it
//	ip route save                 rules, devices' names, addresses, neighbours, next-hop objects
//	                              (their routes have the next hops), settings
//	sosreport                     next-hop objects, address labels, sockets; of other namespaces than
//	                              the host's own (their names are listed) the same
//	ip -br addr                   the flags of addresses, lifetimes, devices' flags
//	route, netstat -r,            all tables but main; rules; type (a reject is taken as unreachable;
//	/proc/net/route               blackhole and throw are reported, because they look the same), scope
//	                              but link, prefsrc, protocol, TOS, all next hops but the first;
//	                              netstat -rn: the metric
//	route -6, /proc/net/          which table (what only table local has goes there, the rest to main);
//	ipv6_route                    type (each that refuses, and throw, is taken as unreachable); route -6:
//	                              the source prefix, preference
//
// A listing of one table leaves the others unknown: a decision that would ask them
// is unknown too, except for table default, which is assumed to be empty where main is
// listed. Where no rules are listed, the default ones are assumed; where
// table local is not, it is made of the addresses; and where these are not listed
// either, of the sources of the routes that the kernel itself makes.
//
// # What is not understood, or not there
//
// A line that was not understood stays in doubt. A rule is kept with its priority
// and with an unknown selector, a route with its prefix ([route.FlagOdd]), or with a
// gateway that is not readable ([route.NextHopUnread]); of a route whose prefix is not
// readable, its table is known in part ([route.FactPart]). So is a table of which a
// command shows some routes (grep, one device, one prefix) or somebody cut off the
// rest. Where that may decide, the decision is unknown.
//
// Of several listings of a table the first whole one counts, or one that agrees with it
// and tells more; what differs is a [Fault]. Without a whole one all count together.
// What netstat -rn lists has no metrics: where several routes have the same prefix,
// nobody knows which is taken ([route.FlagNoMetric]).
package load
