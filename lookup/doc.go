// Package lookup recomputes the routing decision of Linux from a
// [route.Snapshot] and keeps what took part in it.
//
// # How to use it
//
// [Read] builds a [FIB] from a source, with what the questions need; [New] builds one from
// a snapshot. [FIB.Lookup] decides, [FIB.Explain] also tells why, and [FIB.Connect] does the
// same for a connected socket. [FIB.EntryStatuses] tells which packets take the entries of
// a prefix, and [FIB.Solver] finds packets that a rule or an entry takes. [FIB.Compare]
// compares a decision with the kernel's answer. A FIB never changes, and may be used by
// several goroutines at once.
//
// The packages below this one answer further questions: lookup/listen, who can reach a
// socket; lookup/coverage, for which addresses two hosts decide differently, and how many
// addresses each way and each route of one host gets;
// lookup/change, what a command does to a host; lookup/whynot, why a packet does not go
// somewhere. lookup/report has all answers by name, as JSON has them.
//
// # What the kernel does, where it is done here, and what proves it
//
// Numbers are the sections of the specification that the slow oracle
// (lookup/internal/golden) transcribes; its TestDecide has cases under the same
// numbers. "scenarios AREA" are those of testdata/scenarios/AREA.txtar (TestScenarios).
// TestCorners compares set-ups in which one fact decides with the running kernel
// and with the oracle; TestDecide has more of them, also with VRFs, without a kernel.
// TestDifferential compares everything below with both over random set-ups and
// packets.
//
//	behaviour                             where                            proof
//	0.1  key of a look-up, iif lo         output4.go, input4.go, output6.go  scenarios output, input, rules
//	0.2  a connected socket asks twice    connect.go, listen/connect.go      TestConnect; listen's TestConnectedSocket
//	     to 0.0.0.0: then to 127.0.0.1    connect.go lookups                 the same
//	     the source port that it chooses  -                                  cannot be known
//	1.1  sources, groups, oif, 0.0.0.0    output4.go checkSource4,           scenarios output, zero
//	                                      checkOutput4, zero4, onLink4
//	1.2  martians, delivery, forwarding   input4.go checkMartians4, deliver4 scenarios input; regress/input-*
//	     broadcasts sent on               input4.go forwardsBroadcasts        TestCorners; cmd/routewhy script received
//	     membership of groups             membership.go                      scenarios input; corners "groups joined"; TestGroups; TestDecide
//	                                                                         1.2/1; of a group with source filters, and of one
//	                                                                         that the VRF's own device joined: unknown, but
//	                                                                         where the source is refused anyway
//	     IPv6 switched off, packets of root   output6.go dropsIPv6         TestDecide 2.2; listen's TestReach; cmd/routewhy script reach
//	1.3  source checks, rp_filter         input4.go validate, reverse        scenarios input; regress/input-*
//	     a deleted local route            input4.go passesInFull             cannot be known, and leaves the full check on:
//	                                                                         may be refused; regress-hidden/input-local-*
//	     the way back of a packet         reply.go                           TestReply; cmd/routewhy scripts reply*
//	     forwarding in IPv6               reply.go Unforwarded6              TestReply6, forwarded6_source: asked after the look-up
//	1.4  strict devices in IPv6           output6.go decide6, table6.go      scenarios output, lpm6
//	2.1  rules, goto, actions             rules.go                           scenarios rules
//	2.2  selectors                        selector.go                        scenarios rules; rule6.18 in random set-ups
//	     selectors that are not known     matches                            unknown, never guessed
//	     settings that were not read      settings.go undetermined                  TestSettingsUnread: unknown where they decide
//	2.3  suppressors                      rules.go suppressed                scenarios rules
//	     devices without IPv6             rules.go suppressed, nexthophealth.go without6  cmd/routewhy script no_ipv6_out; TestReach
//	2.4  local and main as one table      table4.go searchMerged             scenarios merged-trie
//	3.1  IPv4 order, next-hop objects     table4.go search4, try4            scenarios lpm4, nexthop
//	     devices without IPv4             output4.go lacksIPv4               regress/device-without-ipv4-*
//	     gateways of this host            nexthop.go gateway4              regress/output-gateway-local-*; gateway-scope below
//	3.2  dead and linkdown                hops.go mayRevive, table4.go        scenarios linkdown
//	     stale multipath bounds           nexthop.go members4                scenarios linkdown; when they were computed is
//	                                                                         not in a dump: such a leg is possible
//	3.3  route types                      disposition.go                     scenarios output, lpm4, lpm6
//	3.4  tied defaults                    defaults4.go                       scenarios default-select; the last choice is
//	                                                                         not in a dump: a set
//	3.5  IPv6 walk, scores, neighbours    table6.go                          scenarios lpm6; regress/v6-*
//	     source-specific routes           table6.go path6, split6            scenarios lpm6; regress/v6-source-*
//	     expiry of further siblings       -                                  not in a dump
//	4.1  IPv4 multipath                   nexthop.go multipath4, spread      scenarios multipath
//	4.2  next-hop groups                  nexthop.go, output6.go group6      scenarios nexthop
//	4.3  IPv6 siblings                    output6.go siblings6               scenarios multipath; regress/v6-failed-*
//	     the device asked for             output6.go keepsHop6               TestDecide; regress/v6-siblings-*, v6-group-*
//	4.4  the hash                         -                                  keyed by a secret: a set with shares
//	5.1  IPv4 sources                     source4.go                         scenarios source
//	5.2  IPv6 sources                     source6.go                         scenarios source; random set-ups
//	5.1, 5.2 the order of the devices     order.go                           TestDeviceOrder; corner "devices moved in"; random
//	                                                                         set-ups have chosen indexes and devices moved in
//	     where it was not read            NextHop.SrcOneOf                       one of several sources
//	6    learnt exceptions                compare.go, redirect.go            known from the kernel's answer alone;
//	                                                                         TestCompare, cmd/routewhy script redirect
//	     encapsulation                    notes.go                           does not alter the choice; regress-devices/mpls*
//	     a tunnel's own packets           tunnel.go                           another look-up, told as a note: cmd/routewhy script
//	                                                                         tunnel; what the kernel drops was seen on 6.12
//	     XFRM                             xfrm.go                            TestPolicy; read with privilege alone, and not part of the decision
//	     netfilter, BPF                   -                                  not in the tables
//	7    VRFs                             lookup.go setVRF, output6.go       regress-vrf/* (TestRegressVRF)
//	                                      searchVRF6, nexthop.go leaks4
//	     what a VRF takes in              output6.go enter6                 regress-vrf/vrf6-received-*; TestReach
//	     packets that leave a VRF         notes.go vrfLeft                   cmd/routewhy script vrf
//	     dummy, VLAN, WireGuard, MPLS     as any device and any route        regress-devices/* (TestRegressDevices);
//	                                                                         cmd/routewhy scripts wg_quick, mpls
//
// # Kernel versions
//
// The tests were run on Linux 6.18 (without VRFs, dummy, VLAN and WireGuard
// devices, and MPLS) and on Debian's 6.1 and 6.12 (with all of them: make kernel-test,
// which .ci/run does too). What differs is in behaviour.go:
//
//   - a packet that the reverse-path filter drops: EXDEV on 6.1 and 6.12, EINVAL on
//     6.18;
//   - a source that one leg of a multipath route would give: on 6.18 it decides; on
//     6.1 and 6.12 the hash does;
//   - a rule's iif or oif that names a VRF: on 6.1 and 6.12 it means the VRF device
//     alone, on later kernels all devices of the VRF too; this is from the source;
//   - an IPv6 packet that this host sends by a device: Debian's 6.1.192 and 6.12.117
//     keep the next hop on that device which the walk found, of siblings and of a
//     group; 6.18.44 lets the hash choose, for a packet with a source even one on
//     another device. The change was made for 7.0 and carried over into 6.1.189 and
//     6.12.112 (Debian's changelogs). Of other releases it is not known: the answer
//     is all that either allows. Of a group the walk then takes the best member, and
//     before that the first that was good enough; where that gives another route,
//     the answer is unknown.
//
// Rules with a DSCP, with masked ports or with a flow label were not tried on 6.1 and
// 6.12, which do not have them. 6.1 has no sysctl for the seed of the multipath hash
// either (it came with 6.11). So on 6.1 the tests only check that the kernel's next hop
// is one of the set; that the kernel takes each of them was seen on 6.18.
//
// The tests found no other difference. The kind of a device decides only by what its link
// shows (a VLAN loses its carrier with the device below), and an encapsulation alters no
// choice.
//
// The versions between 6.12 and 6.18, in which these things changed, were not tried. A
// kernel that does not know an attribute of a rule drops it silently when the rule is
// made: what it dumps, and what is decided from that, is right for that kernel.
//
// # Flows that are refused in part
//
// A hash gives flows to the legs of a multipath route. If some legs refuse the packet
// (the reverse-path filter, a loopback source, a rule that refuses one of the sources),
// [Decision].SomeRefused is the error of those flows and RefusedShare is their part. The
// program exits with status 1, as for a refusal: a script may not rely on a destination
// that a quarter of all connections does not reach. The share says how bad it is.
//
// # Answers that are more special than a decision
//
// Where the kernel decides by something that no dump shows, [FIB.Compare] says that its
// answer agrees, and says why ([Comparison].Benign):
//
//	one-of-several  a hash, a bucket table or the last choice picks one of NextHops
//	learnt-mtu      a learnt path MTU
//	redirected      a learnt redirect: [FIB.Redirect] then changes the decision to the new gateway
//	shared-nexthop  IPv6 names, or suppresses, another route by the same next-hop object
//	received-in-vrf IPv6: what a device of a VRF receives counts as received by the VRF, and
//	                what has a meaning on one link is looked up in the VRF's table without
//	                the rules; RTM_GETROUTE asks as if the device were in no VRF
//	gateway-scope   whether a gateway was local to this host when its route was made
//	hidden-entry    an entry between the siblings of an IPv6 multipath route is not dumped
//	sibling-preference
//	                of IPv6 siblings only the first one's router preference is dumped
//	subtree-lost    source-specific routes below a deleted one are not found any more
//	cached-type     IPv4 names the type of another packet by the same next hop
//	local-route-once
//	                a route of type local was added once, which leaves the full source check on
//
// [FIB.Settle] changes the decision to what only such an answer shows: the entry that is
// not dumped, where there was no route; the source of the other route by the same
// next-hop object; the refusal by the full source check.
//
// [NextHop].SrcOneOf are the sources that the kernel may choose where the order of the
// devices is not known: the first device gives its own.
// [NextHop].OtherSrc is a source that the kernel may have kept with a next hop.
package lookup
