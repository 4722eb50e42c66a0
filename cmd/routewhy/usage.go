package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// usageText is what --help prints.
const usageText = `Usage:
  routewhy [flags] DESTINATION...   why each destination goes where it goes
  routewhy DESTINATION --why-not WHAT
                                    why it does not go there, and what would
                                    make it: changes, and other packets
  routewhy DESTINATION --unlike [DESTINATION] [from=ADDR mark=N ...]
                                    where the ways of two packets part
  routewhy DESTINATION --errno E    what an error comes from that a program got
                                    (EHOSTUNREACH, "No route to host"), and what
                                    was ruled out
  routewhy --try COMMAND [DESTINATION...]
                                    what a change would do, without making it
  routewhy --check [ID...]          what is wrong or surprising on this host
  routewhy --expect FILE [SNAPSHOT...]
                                    whether packets go where FILE says, on this
                                    host or on those of which there are files
  routewhy --watch [DESTINATION...] tells whenever an answer changes, why, and
                                    who did it
  routewhy --record DIR             keeps a history of this host in a folder
  routewhy --history DIR [DESTINATION...]
                                    what changed, when and why; --at TIME: the
                                    answers of then; --who: who made changes
  routewhy --batch FILE|- [flags]   one destination a line, one decision a line
  routewhy --dump [flags]           every table, in the order the rules ask it
  routewhy --sockets [WHICH]        what listens, on which addresses, for whom;
                                    WHICH is :PORT, ADDRESS, PREFIX, either with
                                    :PORT, or the name of a program
  routewhy --coverage [--map]       how many addresses each next hop and each
                                    route really gets, for one kind of packet
  routewhy --diff OLD NEW           what differs between two snapshots (files as
                                    for --load, or live), and for which
                                    destinations

A DESTINATION is an address (8.8.8.8, fe80::1%eth0), a prefix (10.0.0.0/8,
0.0.0.0/0, ::/0, default), ADDRESS:PORT, [ADDRESS]:PORT, HOST or HOST:PORT.
A bare 0.0.0.0 or :: tells what the zero address means in each place.

WHAT is a device (wg0), via GATEWAY, table T, a prefix, the priority of a rule,
src ADDR, or default; "routewhy default --why-not IPv6" asks why there is no
default route. Each change that is offered was tried on a copy of the
tables; nothing is ever changed.

A COMMAND is one of ip, sysctl, route or ifconfig as it is typed (quoted), or a
file of such commands, of a script or of ip -batch; - is standard input. --try
may be given again: the commands are tried one after the other. Nothing is ever
changed. DESTINATIONs are told before and after.
      --undo            print the commands that bring the present state back
      --script SECONDS  print a shell script that makes the change, and takes it
                        back after so many seconds unless it is confirmed

--check makes all checks, or those of some IDs (RW012). What is usual is not
told; the last line says how many checks could not be made.
      --list            with --check: list the checks, and make none
      --metrics[=FILE]  with --check: write what was found, the default routes
                        and the sizes of the tables as metrics, for the textfile
                        collector of Prometheus' node_exporter
  routewhy --explain ID  tells what a check is about, and what it passes over;
                         or what a code means that --json has (higher-metric)

A line of --expect is a destination, what is to be said of the packet, and what
is expected, in the words of ip, as in these lines:
  default dev bond0 src 10.0.0.0/8      wherever a default route is taken
  10.20.0.0/16 table main via 192.0.2.1 for each address of the prefix
  8.8.8.8 mark 0x1 dev wg0              from iif oif vrf mark tos uid ipproto
                                        sport dport are about the packet, which
                                        is root's unless uid says another
  192.0.2.0/24 refused                  or none: no route; local: this host
src is where the source must lie that this host chooses. Without from and iif, a
socket chooses the source and looks up again with it: TCP goes by that second
look-up, other IPv4 packets by it or by the first, and both must hold. IPv6
looks up again only after a failure. A SNAPSHOT is what --load takes, and live
is the running host. Each is looked at whole.
      --junit FILE      report the same to a CI server, in its XML

--watch prints the present answers, and then each that changes, with the change
that did it and the process that asked for it, as far as the kernel tells. With
no DESTINATION it follows the default routes. What alters no answer is not told.
If a gateway has failed, it is said not to answer until it answers again, even
if the kernel has forgotten that. The watch ends when the namespace of --netns
is deleted, or its process has ended.
      --count N         end after N changes
      --timeout SECONDS   end after so many seconds
      --until WHAT      end when all answers are usable and so: route, default,
                        dev NAME, via GATEWAY, src ADDR, or several of these,
                        such as 'default dev eth0'; or none: there is no route.
                        Without a DESTINATION, one family with it is enough, but
                        none means both. The exit status is 1 if --timeout or
                        --count ends it before
      --every SECONDS   how often everything is read again, in case that no
                        event told of a change (default 60)

--record writes changes and, now and then, the whole state to a folder until a
signal ends it. A power cut takes the last minute at most, a kill the last half
second. One recorder at a time writes to a folder.
      --max-size MB     delete the oldest parts of what takes more (default 512)
      --max-age DAYS    delete what is older (default 30)
      --every SECONDS   how often the state is written whole if nothing happens
                        (default 600); less often where it is large

--history tells the changes of answers as --watch does, from the folder, a part
of it, or a file of rtmon. Such a file has only the devices that were there at
its start: --load gives the rest, a snapshot that was saved then. It does not
tell of settings. DIR@TIME is the state of then wherever a file is read:
--load DIR@02:13, --diff DIR@02:00 DIR@03:00; DIR alone is the last one.
A TIME is 02:13 (when the clock showed that last), 'yesterday 02:13',
'2026-07-30 02:13', with or without a zone after it (UTC, +02:00), as logs have
it ('Jul 30 02:13:07', 2026-07-30T02:13:00Z, @1785370380), or as in --since=-10m
and '10 minutes ago'. A time that the clock showed twice, because it was set
back, is the second one. Where the record does not have the time that is asked
about, or is damaged, it says so, and the exit status is 3.
      --at TIME         explain the DESTINATIONs as of then
      --since TIME, --until TIME   tell the changes of this time
      --who             sum up which processes made changes, of any kind

--coverage decides about every address of a family, and adds up exactly: by what
becomes of the packet, by route, the routes that no address takes, and the
largest ranges without a route. The flags below say which packet.
      --map             draw a map instead: IPv4 along a Hilbert curve, IPv6 as
                        prefixes in prefixes, with a table of the ways; --svg
                        and --html draw it as a picture

A line of --batch is an ADDRESS or ADDRESS:PORT, which may be followed by fields
like from=192.0.2.2 mark=0x1, or the same as a JSON object. All tables are read
once, and the kernel is not asked for its own answer.

The packet, in the words of ip route get; numbers are decimal or 0x hex:
      --from ADDR       source address
      --iif DEV         arrives on DEV (default: this host sends it)
      --oif DEV         sent by a socket bound to DEV
      --vrf NAME        sent by a socket bound to the VRF NAME
      --mark N          firewall mark
      --tos N|NAME      TOS octet or DSCP name (ef); decimal where ip reads hex
      --uid N           owner of the sending socket (default: you)
      --ipproto N|NAME  protocol: tcp, udp, icmp, esp
      --sport N         source port
      --dport N         destination port
      --flowlabel N     IPv6 flow label
      --reply           the way back too: what becomes of the answer, and
                        whether it uses the same device
  -4, --ipv4            IPv4 only
  -6, --ipv6            IPv6 only

Where the facts come from (default: the running kernel):
      --netns NAME|PID|PATH   another network namespace; with --load, one of a
                        sosreport's, by NAME
      --load FILE|DIR   files instead of the running kernel, several by several
                        --load: what --save wrote; ip route, rule, addr, link,
                        neigh, nexthop as JSON or text; what route and netstat
                        print; /proc/net/route; ip route save; a sosreport;
                        - is standard input
      --load-limit MB   how much memory they may take (default 512)
      --strict          a line that is not understood there is an error
      --save FILE       write a snapshot of what is read, compressed where the
                        name ends in .gz or .zst; needs no DESTINATION
      --redact          with --save: other public addresses, user IDs and
                        process names, no host's name, no hour and no exact
                        kernel, so that the file explains the same and tells
                        less. Private addresses, ports, marks and names of
                        devices stay; addresses near a private block keep
                        their first bits: 8 in 15 networks (11.0.0.0/8,
                        193.0.0.0/8), 16 in 8 (192.169.0.0/16), 24 in 4
      --redact=strict   other private addresses too, and every device, table,
                        group and index by a new name and number
      --no-kernel       do not ask the kernel for its own answer

Output:
      --table T         with --dump: this table alone, a name or a number
      --json            JSON
      --html FILE       write the answer as a page for a browser too: with a
                        picture of each decision, and all facts
      --svg FILE        draw the decision as a picture too: packet, rules,
                        routes, next hop; what lost is grey, with its reason.
                        With --coverage: draw the map
      --color WHEN      auto, always or never; NO_COLOR is respected
  -v, --verbose         more: every rule and route, bits, what was summed up
  -q, --quiet           the verdict line alone
  -h, --help            this text
      --version         the version
      --man             the manual page, in the language of mdoc(7)
      --schema OUTPUT   the JSON Schema of what a mode prints with --json:
                        answer for DESTINATIONs, who for --history --who,
                        snapshot for files of --save, or the flag of any other
                        mode (check)
      --completion WHAT   a completion script: bash, zsh or fish; or names
                        that such a script asks for: devices, vrfs, addresses,
                        tables or namespaces

Exit status:
  0  every destination has a usable answer
  1  at least one destination has no route, its route refuses it or a part of
     its flows, an IPsec policy blocks it, no peer of its WireGuard device takes
     it, or its only way out is known to be dead; --diff: they differ; --check:
     there is an error or a warning; --try: a command is refused, or your
     session would be lost; --why-not: nothing was found that would make it;
     --expect: not as expected; --until did not come
  2  the command line is wrong
  3  could not answer: tables unreadable, file damaged, no such namespace or
     device, a line of --batch that is not understood; --try: it is not known
     whether a command is accepted, or whether your session would be lost;
     --undo, --script: something is not brought back;
     --expect: it cannot be told, or a host cannot be read; --history, DIR@TIME:
     the time was not recorded
  4  routewhy and the kernel disagree

Example:
  routewhy 8.8.8.8 --from 192.0.2.2 --mark 0x1
`

// version is the version that the Makefile gives; empty: something else built the program.
var version string

// programVersion is what --version prints: the version that the build gave or recorded, or
// else its commit.
func programVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = new(debug.BuildInfo)
	}
	return versionLine(version, info)
}

func versionLine(given string, info *debug.BuildInfo) string {
	if given == "" {
		given = info.Main.Version
	}
	if given == "" || given == "(devel)" {
		given = "unversioned"
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				given = s.Value
			}
		}
	}
	return fmt.Sprintf("routewhy %s %s %s/%s", given, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
