package main

import (
	"slices"
	"strings"

	"routewhy/route/iproute2"
)

// likeIPRoute refuses the words of `ip route get`, because they are not host names
// here, and gives the flags that mean the same. To ask about a host with such a name,
// the user gives that name alone, or with a dot after it.
func likeIPRoute(args []string) *usageError {
	word := slices.IndexFunc(args, func(s string) bool { return s == "get" || ipRouteFlag(s) != "" })
	if word < 0 || len(args) < 2 {
		return nil
	}
	err := usagef("%s is ip-route(8)'s way to ask: routewhy takes flags", iproute2.Quote(args[word]))
	var said []string
	get := slices.Index(args, "get")
	for i := 0; i < len(args); i++ {
		if i < get && isIPCommand(args[i]) {
			continue
		}
		switch flag := ipRouteFlag(args[i]); {
		case args[i] == "get" || args[i] == "to":
		case flag == "":
			said = append(said, args[i])
		case i+1 < len(args):
			said = append(said, flag, args[i+1])
			i++
		}
	}
	for _, s := range said {
		if textFault(s) != nil {
			return err
		}
	}
	return err.hint("routewhy %s", strings.Join(said, " "))
}

// isIPCommand reports whether a word can stand before `get` in a command of ip(8).
func isIPCommand(word string) bool {
	return slices.Contains([]string{"ip", "route", "ro", "r", "sudo"}, word)
}

// ipRouteFlag is the flag that means the same as a word of `ip route get`; empty:
// there is none.
func ipRouteFlag(word string) string {
	switch word {
	case "from", "iif", "oif", "vrf", "mark", "tos", "uid", "ipproto", "sport", "dport", "flowlabel":
		return "--" + word
	case "dev":
		return "--oif"
	case "fwmark":
		return "--mark"
	case "dsfield":
		return "--tos"
	}
	return ""
}

// portApart refuses a number that follows an address, with or without the word port,
// because the number would be read as an abbreviated address.
func portApart(args []string, i int) *usageError {
	if !isDecimal(args[i]) || i == 0 {
		return nil
	}
	before := i - 1
	if args[before] == "port" && before > 0 {
		before--
	}
	d, err := parseDestination(args[before])
	if err != nil || d.kind != kindAddress || d.port != 0 {
		return nil
	}
	port, fault := parsePort(args[i], args[i])
	if fault != nil {
		return nil
	}
	d.port = port
	return usagef("%s is no DESTINATION", iproute2.Quote(args[i])).hint("routewhy %s, if it is a port", d)
}
