// Package redact replaces what must not become public in a snapshot. It replaces public
// addresses everywhere, also in names, by others that keep the structure of prefixes. It
// replaces what would show the hardware address of a network card; the names, process IDs
// and user IDs of programs; and the host's name, the time of day and the exact kernel. If
// two addresses have their first n bits in common, their replacements have too, so every
// decision stays the same (Xu, Fan, Ammar, Moon: Prefix-Preserving IP Address
// Anonymization, 2002, section 3).
//
// # Addresses that stay
//
// Addresses that say nothing about who uses them stay: private addresses (RFC 1918,
// RFC 6598), loopback addresses, link-local addresses, addresses for documentation, and
// multicast groups that contain no other address. In fc00::/7, the first 64 bits stay.
//
// # What can still be told
//
// A reader can still see whether two addresses are in one network, and how long each prefix
// is. Somebody who knows one public address of the host, for example from its owner's web
// page, knows the first bits of the addresses near it.
//
// Some public addresses have their first n bits in common with a block of addresses that
// stay. Such an address keeps these bits and the next one; otherwise its replacement might
// be in the block. So in IPv4
//
//   - the first octet stays in 1.0.0.0/8, 11.0.0.0/8, 100.0.0.0/8, 101.0.0.0/8,
//     126.0.0.0/8, 168.0.0.0/8, 169.0.0.0/8, 172.0.0.0/8, 173.0.0.0/8, 192.0.0.0/8,
//     193.0.0.0/8, 198.0.0.0/8, 199.0.0.0/8, 202.0.0.0/8 and 203.0.0.0/8;
//   - two octets stay in 169.255.0.0/16, 192.0.0.0/16, 192.1.0.0/16, 192.169.0.0/16,
//     198.50.0.0/16, 198.51.0.0/16, 203.0.0.0/16 and 203.1.0.0/16;
//   - three octets stay in 192.0.1.0/24, 192.0.3.0/24, 198.51.101.0/24 and 203.0.112.0/24.
//
// In IPv6 it is the same for the neighbours of the blocks: 16 bits stay in 2003::/16, and
// 32 bits in 2001:1::/32 and 2001:db9::/32.
//
// Ports, marks, metrics and the priorities of rules stay, because people ask for decisions
// with them. The names of devices and tables stay if they contain no address. Device
// settings, the kinds of devices, and the program that made a route stay too.
//
// # Strict
//
// [NewStrict] renames every device and table, and renumbers devices, tables, groups,
// next-hop objects and the user IDs in rules. It drops the day. Of an address in the blocks
// above, only the bits that make it a part of the block stay: an address in 10.0.0.0/8
// becomes another address in 10.0.0.0/8. These addresses stay unchanged: 0.0.0.0/8,
// 127.0.0.0/8, 224.0.0.0/24, 255.255.255.255, :: and ::1. The first 64 bits of the
// addresses in fe80::/64 stay too, and so do the last 64 bits of a private IPv6 address if
// they are a number below 65536 (fd00::1).
package redact
