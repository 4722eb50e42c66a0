package lookup

// Verdict is what became of a rule, a route or a source address that took
// part in a decision. The zero value is VerdictNotReached.
type Verdict string

// The verdicts.
const (
	VerdictNotReached Verdict = "not-reached" // the walk ended before
	VerdictNoMatch    Verdict = "no-match"    // a selector, or the whole table, does not match
	VerdictMatch      Verdict = "match"       // this rule decided
	VerdictContinue   Verdict = "continue"    // matched, and the walk went on
	VerdictChosen     Verdict = "chosen"      // the kernel takes it
	VerdictPossible   Verdict = "possible"    // one of several that the kernel may choose
	VerdictLoses      Verdict = "loses"       // another one goes before it
	VerdictUnusable   Verdict = "unusable"    // passed over whatever else there is
	VerdictSuppressed Verdict = "suppressed"  // found, and the rule drops what it finds
	VerdictRefuses    Verdict = "refuses"     // ends the look-up with an error
	VerdictThrows     Verdict = "throws"      // ends its table, and the next rule is asked
	VerdictUncertain  Verdict = "uncertain"   // what it needs was not read or not understood
)

// Reason says why: it is a code of a closed list, with operands. Printers put it into
// words. Want is what was asked for or what the winner has, Have what the packet or the
// loser has. Operands are comparable values that encode well as JSON: numbers, strings,
// addresses and prefixes. Nil: there is none.
type Reason struct {
	Code Code `json:"code"`
	Want any  `json:"want,omitempty"`
	Have any  `json:"have,omitempty"`
}

// Code is the stable name of a reason.
type Code string

// Why a rule did not match. Want is the selector's value, Have the packet's.
const (
	CodeFrom          Code = "from-differs"      // the packet's source is not in the prefix of `from`
	CodeFromUnset     Code = "from-unset"        // the packet has no source yet
	CodeTo            Code = "to-differs"        // the packet's destination is not in the prefix of `to`
	CodeIif           Code = "iif-differs"       // the packet comes in by another device, or this host sends it
	CodeIifDetached   Code = "iif-detached"      // no such device
	CodeOif           Code = "oif-differs"       // the socket is bound to another device, or to none
	CodeOifDetached   Code = "oif-detached"      // no such device
	CodeMark          Code = "fwmark-differs"    // the packet has another mark
	CodeRuleTOS       Code = "rule-tos-differs"  // the packet has another TOS
	CodeDSCP          Code = "dscp-differs"      // the packet has another DSCP
	CodeFlowLabel     Code = "flowlabel-differs" // the packet has another flow label
	CodeUID           Code = "uid-differs"       // the sender is another user
	CodeProto         Code = "ipproto-differs"   // the packet has another protocol
	CodeSport         Code = "sport-differs"     // the packet has another source port
	CodeDport         Code = "dport-differs"     // the packet has another destination port
	CodeL3mdev        Code = "l3mdev-none"       // the packet belongs to no VRF
	CodeTunnelID      Code = "tunnel-differs"    // the packet comes from another tunnel
	CodeNot           Code = "not-inverts"       // all selectors match, and so `not` does not
	CodeUnknownSelect Code = "unknown-selector"  // the rule has a selector that is not known
)

// What became of a rule that matched, or of one that was not asked.
const (
	CodeDecided        Code = "decided"          // its table decided
	CodeTableEmpty     Code = "table-empty"      // the table has no routes
	CodeTableNoMatch   Code = "table-no-match"   // Have: how many routes it has
	CodeTableThrow     Code = "table-throw"      // a throw route ended the table; Have: its prefix
	CodeTableUnusable  Code = "table-unusable"   // routes cover the packet, none can be used
	CodeSuppressPrefix Code = "suppress-prefix"  // Want: suppress_prefixlength, Have: the prefix length
	CodeSuppressGroup  Code = "suppress-ifgroup" // Want: the group, Have: the device
	CodeSuppressMTU    Code = "suppress-no-ipv6" // the device's MTU is too small for IPv6; Have: the device
	CodeGoto           Code = "goto"             // Want: the priority gone on at
	CodeGotoUnresolved Code = "goto-unresolved"  // Want: the priority that no rule has
	CodeNop            Code = "nop"              // the rule does nothing
	CodeRuleRefuses    Code = "rule-refuses"     // Want: the rule's action
	CodeJumped         Code = "jumped-over"      // a goto skipped it; Want: the priority gone on at
	CodeAfter          Code = "after-decision"   // an earlier rule decided
	CodeMerged         Code = "merged-longer"    // local and main share one trie, and main has a longer prefix
)

// Why a route won or lost.
const (
	CodeLongest        Code = "longest-prefix"   // Have: its length
	CodeOnlyDefault    Code = "only-default"     // a /0, and nothing longer covers the destination
	CodeShorter        Code = "shorter-prefix"   // Want: the winner's length, Have: its own
	CodeMetric         Code = "higher-metric"    // Want: the winner's metric, Have: its own
	CodeLowestMetric   Code = "lowest-metric"    // Want: its metric, Have: the next one's
	CodeTOS            Code = "tos-differs"      // Want: the route's TOS, Have: the packet's
	CodeTOSNever       Code = "tos-never"        // a TOS that no packet can match; Want: the route's
	CodeTOSFirst       Code = "tos-first"        // loses to a route for the packet's TOS
	CodeLater          Code = "later"            // equal in all, and added later
	CodeFirst          Code = "first"            // equal in all, and added first
	CodeDead           Code = "dead"             // every next hop is dead
	CodeLinkdown       Code = "linkdown-ignored" // the next hop's device has no carrier, and ignore_routes_with_linkdown is on
	CodeRouteOif       Code = "oif-other"        // Want: the device asked for, Have: the route's
	CodeExpired        Code = "expired"          // Have: seconds since
	CodeSourceHides    Code = "src-hides"        // routes from certain sources hide it from all others
	CodeSourceLess     Code = "src-less"         // loses to a route for the packet's source
	CodePreference     Code = "lower-preference" // lower router preference; Want: the winner's, Have: its own
	CodeDevice         Code = "other-device"     // IPv6: scores less for not being on the device asked for
	CodeNeighbour      Code = "neighbour-failed" // the gateway's neighbour entry failed; Have: its state
	CodeObjectUnusable Code = "nexthop-unusable" // no member of its next-hop object can be used
	CodeLeafAbandoned  Code = "leaf-abandoned"   // shares its network address with such a route
	CodeAfterThrow     Code = "after-throw"      // it comes after a throw route; Have: that
	CodeThrow          Code = "throw"            // it ends the table, and the next rule is asked
	CodeRefusing       Code = "refuses"          // Want: the type
	CodeLocalFirst     Code = "local-first"      // table local comes first
	CodeNextHopUnknown Code = "nexthop-unknown"  // Want: the ID of an object that was not read; Have: why not
	CodeForwardingOff  Code = "only-forwarded"   // only packets that come from outside get there, and this host does not forward; Have: the device
	CodeRestOf         Code = "rest-of"          // it is in use, but longer prefixes take all that goes to the Internet; Have: 2000::/3, which has all of its addresses
	CodeNeighbourTie   Code = "default-tie"      // several 0.0.0.0/0: the kernel chooses by neighbour state

	CodeForSources Code = "for-other-sources" // an IPv6 route is for packets from a prefix; Want: it, Have: the packet's source
)

// Why there are several next hops, or no answer at all. Where something was not read,
// Have says why not, in the reader's words, if that is known.
const (
	CodeMultipath     Code = "multipath"        // a hash of the packet chooses
	CodeResilient     Code = "resilient"        // a bucket table chooses
	CodeDefaultsTie   Code = "defaults-tie"     // neighbour states choose, and may alternate
	CodeSrcShared4    Code = "source-shared"    // the device that was given the source last is taken, and several have it; Have: it
	CodeRulesUnread   Code = "rules-unread"     // the policy rules could not be read
	CodeRulesUnlisted Code = "rules-unlisted"   // no rules are listed, so that a rule may lead to a table that the default ones do not lead to; Want: the table
	CodeMergedUnread  Code = "merged-unread"    // it is not known whether local and main share one trie, which decides; Want: local's prefix
	CodeNoTables      Code = "table-unread"     // Want: the table
	CodeRoutesUnread  Code = "routes-unread"    // the routes could not be read
	CodeTooMuch       Code = "too-much"         // there are more rules and routes than are tried
	CodeSettingUnread Code = "setting-unread"   // a setting that was not read decides; Want: its path
	CodeMaySame       Code = "maybe-same-table" // a rule leads to a table that is known only by its name, or only by its number, and may be this one; Want: the rule's table
	CodeTablePart     Code = "table-part"       // some of a table's routes may be missing; Want: the table
	CodeRuleOdd       Code = "rule-odd"         // a rule that was not understood; Want: its priority
	CodeRouteOdd      Code = "route-odd"        // a route that was not understood; Have: its prefix
	CodeGatewayUnread Code = "gateway-unread"   // a route's gateway is not readable; Have: its prefix, Want: its device, if it is one
	CodeMetricUnread  Code = "metric-unread"    // there are several routes, and their metrics are not known; Have: their prefix
	CodeExpiredFirst  Code = "sibling-expired"  // the first sibling expired, and of the others nothing is known
	CodeReleaseUnread Code = "release-unread"   // it is not known whether this kernel has a change that decides
)

// Why a received packet's source passes or fails the check.
const (
	CodeRPOff        Code = "rp-off"            // no reverse-path filter
	CodeRPSame       Code = "rp-same-device"    // the way back is the device it came from
	CodeRPOther      Code = "rp-other-device"   // Want: the device it came from, Have: the way back's
	CodeRPNoRoute    Code = "rp-no-route"       // no way back
	CodeRPOwnSource  Code = "rp-own-source"     // the source is an address of this host
	CodeRPNotUnicast Code = "rp-not-unicast"    // the way back is not unicast; Have: its type
	CodeRPNoAddress  Code = "rp-no-address"     // the device has no IPv4 address
	CodeMembership   Code = "membership-unread" // whether the group was joined
	// The device has joined a group for packets from some sources alone, or may have.
	// Want: the group.
	CodeGroupSources    Code = "group-sources-unread"
	CodeReversePathSome Code = "rp-some-legs" // the filter passes only some legs
)

// What decided about the source address.
const (
	CodeSrcGiven      Code = "given"                   // the packet has it already
	CodeSrcPrefsrc    Code = "prefsrc"                 // the route prescribes it
	CodeSrcUnread     Code = "prefsrc-unread"          // the route prescribes it, and it is not readable, so that there is no address
	CodeSrcLocalDst   Code = "local"                   // a local destination is its own source
	CodeSrcGateway    Code = "gateway-subnet"          // Want: the gateway, Have: the address's prefix
	CodeSrcFirst      Code = "first-address"           // first usable address of the device
	CodeSrcVRF        Code = "vrf"                     // the packet leaves its VRF; Have: that
	CodeSrcOther      Code = "lent"                    // the device has none; Have: the device it is of
	CodeSrcNone       Code = "none"                    // no address fits
	CodeSrcSecondary  Code = "secondary"               // a secondary address, which comes after the primary ones
	CodeSrcScope      Code = "scope"                   // Want: the route's scope, Have: the address's
	CodeSrcNotSubnet  Code = "not-in-gateway-subnet"   // the gateway is not in its network
	CodeSrcOnly       Code = "only"                    // the only candidate
	CodeSrcSame       Code = "rule-1-same"             // RFC 6724 section 5, rule 1
	CodeSrcScope6     Code = "rule-2-scope"            // rule 2
	CodeSrcDeprecated Code = "rule-3-avoid-deprecated" // RFC 6724 section 5, rule 3: avoid deprecated addresses
	CodeSrcDevice     Code = "rule-5-device"           // rule 5: prefer the output device
	CodeSrcLabel      Code = "rule-6-label"            // rule 6: prefer the destination's label
	CodeSrcTemporary  Code = "rule-7-temporary"        // rule 7: prefer public or temporary addresses, as use_tempaddr says
	CodeSrcOrchid     Code = "rule-7a-orchid"          // the kernel's rule 7a: an ORCHID for an ORCHID
	CodeSrcPrefix     Code = "rule-8-prefix"           // rule 8: the longest prefix in common with the destination
	CodeSrcOptimistic Code = "not-optimistic"          // an optimistic address loses to another one
	CodeSrcOrder      Code = "order"                   // equal, and it comes first
	// The kernel gave the source of another route by the same next-hop object. Want: the
	// packet's route, Have: the other.
	CodeSrcShared Code = "shared-nexthop-source"
	// The device that came into this network namespace first lends its address, and it is
	// not known which one that is (a snapshot's order of devices).
	CodeSrcUnordered Code = "device-order-unknown"
	CodeSrcTentative Code = "tentative" // duplicate address detection has not accepted it
)

// Shortcut is where the kernel decides without finding a route. The empty
// value: it did not.
type Shortcut string

// What the kernel decides before it asks a rule (__ip_route_output_key, ip_route_input_slow).
const (
	ShortcutZero         Shortcut = "zero-destination"      // 0.0.0.0 becomes the source or 127.0.0.1
	ShortcutOnLink       Shortcut = "assumed-on-link"       // the device asked for, without a route
	ShortcutGroupOut     Shortcut = "group-on-device"       // broadcast or local multicast out of the device asked for
	ShortcutGroupSource  Shortcut = "group-by-source"       // the same by the device that owns the source
	ShortcutBroadcastIn  Shortcut = "broadcast-received"    // 255.255.255.255, or 0.0.0.0 to 0.0.0.0, received
	ShortcutMulticastIn  Shortcut = "multicast-received"    // for a group that the device has joined
	ShortcutNotJoined    Shortcut = "group-not-joined"      // received for a group that the device has not joined
	ShortcutRouted       Shortcut = "multicast-routed"      // received for such a group, and left to the multicast router
	ShortcutSource       Shortcut = "source-invalid"        // multicast or broadcast as source
	ShortcutNotLocal     Shortcut = "source-not-local"      // no device has the source
	ShortcutDown         Shortcut = "output-down"           // the device asked for is down
	ShortcutNoIPv4       Shortcut = "device-without-ipv4"   // an MTU of less than 68 bytes
	ShortcutLoopback     Shortcut = "loopback-source"       // 127/8 would leave the host
	ShortcutMartianSrc   Shortcut = "martian-source"        // received with an impossible source
	ShortcutMartianDst   Shortcut = "martian-destination"   // received for an impossible destination
	ShortcutOwnSource    Shortcut = "own-source"            // received with an address of this host as source
	ShortcutReversePath  Shortcut = "reverse-path"          // reverse-path filter
	ShortcutNoForwarding Shortcut = "forwarding-off"        // received for another host, and this host does not forward
	ShortcutNotUnicast   Shortcut = "not-forwardable-type"  // received, and the route's type cannot be forwarded
	ShortcutNoIPv6       Shortcut = "received-without-ipv6" // received by a device that has IPv6 switched off, and dropped before a look-up
	ShortcutSmallMTU     Shortcut = "received-small-mtu"    // received by a device whose MTU is too small for IPv6, and dropped before a look-up
	ShortcutVRFLink      Shortcut = "vrf-link"              // IPv6 to a link-local address or group by a VRF device, which has no link
)

// beforeLookup reports whether a received IPv6 packet is dropped before the look-up that
// RTM_GETROUTE makes.
func (s Shortcut) beforeLookup() bool {
	switch s {
	case ShortcutNoIPv6, ShortcutSmallMTU, ShortcutMartianSrc, ShortcutMartianDst:
		return true
	}
	return false
}
