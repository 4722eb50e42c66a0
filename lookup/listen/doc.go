// Package listen tells which socket of a host takes a packet that is delivered
// to it, and who can reach each socket that listens.
//
// [Take] follows the kernel's own search (net/ipv4/inet_hashtables.c
// __inet_lookup_listener and compute_score, net/ipv4/udp.c __udp4_lib_lookup,
// and their likes in net/ipv6): sockets that are bound to the very address go
// before those bound to every address; within each, a score decides, to which a
// bound device and, in IPv4, an IPv4 socket contribute.
// [Host.Exposure] tells who reaches a socket: it cuts the addresses that clients can have
// by every prefix that a decision may ask about, and decides for each part of them, and
// each device that packets come in by, about the packet and about the answer. Clients are
// taken to have a port of the range that is for them (RFC 6335 section 6): 49152.
//
// What a firewall does is not known here, nor what BPF programs attached to
// sockets or namespaces (sk_lookup) do.
package listen
