package main

import (
	"strings"

	"github.com/spf13/pflag"
)

// nearestFlag is the flag that the user probably meant by a name that is not a flag;
// empty: no flag's name is near.
func nearestFlag(fs *pflag.FlagSet, name string) string {
	name = strings.ToLower(name)
	if fs.Lookup(name) != nil {
		return name
	}
	if flag := flagElsewhere(name); flag != "" {
		return flag
	}
	best, least := "", 1+allowedTypos(name)
	fs.VisitAll(func(f *pflag.Flag) {
		d := typos(name, f.Name)
		if len(name) > 2 && strings.HasPrefix(f.Name, name) {
			d = 0
		}
		if d < least || d == least && len(f.Name) == len(name) && len(best) != len(name) {
			best, least = f.Name, d
		}
	})
	return best
}

// flagElsewhere translates the name that other programs use for one of our flags.
func flagElsewhere(name string) string {
	switch name {
	case "src", "source", "saddr":
		return "from"
	case "fwmark":
		return "mark"
	case "dev", "device", "interface":
		return "oif"
	case "dscp", "dsfield", "tclass":
		return "tos"
	case "proto", "protocol":
		return "ipproto"
	case "port":
		return "dport"
	case "user":
		return "uid"
	case "namespace", "ns":
		return "netns"
	case "inet", "v4":
		return "ipv4"
	case "inet6", "v6":
		return "ipv6"
	}
	return ""
}

// nearestWord is the word that was probably meant by one that is not among them; empty: none is
// near.
func nearestWord(word string, all []string) string {
	best, least := "", 1+allowedTypos(word)
	for _, w := range all {
		if d := typos(strings.ToLower(word), strings.ToLower(w)); d < least && d < len(w) {
			best, least = w, d
		}
	}
	return best
}

// allowedTypos is how many typing mistakes a word may have.
func allowedTypos(word string) int {
	if len(word) <= 4 {
		return 1
	}
	return 2
}

// typos counts how many letters must be inserted, removed, replaced or swapped with
// the next one to change a into b (optimal string alignment). It is for short words.
func typos(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+differ(a[i-1], b[j-1]))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}

func differ(a, b byte) int {
	if a == b {
		return 0
	}
	return 1
}
