// Package listen tells which socket of a host takes a packet that is delivered
// to it, and who can reach each socket that listens.
//
// [Take] follows the kernel's own search (net/ipv4/inet_hashtables.c
// __inet_lookup_listener and compute_score, net/ipv4/udp.c __udp4_lib_lookup,
// and the corresponding functions in net/ipv6). Sockets that are bound to exactly the
// packet's address go before those bound to every address. Within each of the two
// groups a score decides. A bound device adds to the score, and in IPv4 so does an IPv4
// socket.
//
// [Host.Exposure] tells who reaches a socket. It cuts the addresses that clients can have
// by every prefix that a decision may depend on. For each part, and for each device that
// packets come in by, it decides about the packet and about the answer. It assumes that
// clients have a port of the range that is for them (RFC 6335 section 6): 49152.
//
// What a firewall does is not known here. It is not known either what BPF programs do
// that are attached to sockets or namespaces (sk_lookup).
package listen
