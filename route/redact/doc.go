// Package redact replaces what must not become public in a snapshot: public
// addresses, by others that keep the structure of prefixes, wherever they stand, in names
// too; what would tell the hardware address of a card; names, process IDs and user IDs
// of programs; and the host's name, the hour and the exact kernel. Two addresses that had their first n
// bits in common still do, so every decision stays what it was (Xu, Fan, Ammar, Moon:
// Prefix-Preserving IP Address Anonymization, 2002, section 3).
//
// # Addresses that stay
//
// Those that say nothing about who uses them: private ones (RFC 1918, RFC 6598),
// loopback, link-local, those for documentation, multicast groups in which no other
// address stands; and of fc00::/7 the first 64 bits.
//
// # What can still be told
//
// Whether two addresses are in one network, and how long each prefix is. Who knows one
// public address of the host, by its owner's web page for example, knows the first bits
// of those near it.
//
// A public address that has its first n bits in common with a block of addresses that stay
// keeps these bits and the next one, or it might become one of the block. So in IPv4
//
//   - the first octet stays in 1.0.0.0/8, 11.0.0.0/8, 100.0.0.0/8, 101.0.0.0/8,
//     126.0.0.0/8, 168.0.0.0/8, 169.0.0.0/8, 172.0.0.0/8, 173.0.0.0/8, 192.0.0.0/8,
//     193.0.0.0/8, 198.0.0.0/8, 199.0.0.0/8, 202.0.0.0/8 and 203.0.0.0/8;
//   - two octets stay in 169.255.0.0/16, 192.0.0.0/16, 192.1.0.0/16, 192.169.0.0/16,
//     198.50.0.0/16, 198.51.0.0/16, 203.0.0.0/16 and 203.1.0.0/16;
//   - three stay in 192.0.1.0/24, 192.0.3.0/24, 198.51.101.0/24 and 203.0.112.0/24.
//
// In IPv6 it is the same with the neighbours of its blocks: 16 bits stay in 2003::/16, and
// 32 in 2001:1::/32 and 2001:db9::/32.
//
// Ports, marks, metrics and the priorities of rules stay, because decisions are asked
// for by them. So do the names of devices and tables in which no address stands, device
// settings, the kinds of devices, and which program made a route.
//
// # Strict
//
// [NewStrict] renames every device and table, and renumbers devices, tables, groups,
// next-hop objects and the user IDs in rules. It drops the day. Of the blocks above
// only those bits stay that make the block: an address of 10.0.0.0/8 becomes another one
// of it. As they are stay 0.0.0.0/8, 127.0.0.0/8, 224.0.0.0/24, 255.255.255.255, ::, ::1,
// the first half of fe80::/64, and the last half of a private IPv6 address where it is below
// 65536 (fd00::1).
package redact
