package kernel

import (
	"bufio"
	"os"
	"strings"

	"routewhy/route"
)

// Redirects says in which families this namespace has received an ICMP redirect
// (InRedirects of /proc/net/snmp, Icmp6InRedirects of /proc/net/snmp6). Only then may
// the kernel send packets to other gateways than those of its routes. A dump does not
// show such a gateway before a packet was sent to it, but [Host.Resolve] does. A counter
// that cannot be read is treated as not zero.
func (h *Host) Redirects() map[route.Family]bool {
	may := map[route.Family]bool{route.IPv4: true, route.IPv6: true}
	_ = h.inside(func() error {
		for f, c := range map[route.Family]struct{ file, counter string }{
			route.IPv4: {"snmp", "InRedirects"},
			route.IPv6: {"snmp6", "Icmp6InRedirects"},
		} {
			if n, ok := counter("/proc/thread-self/net/"+c.file, c.counter); ok {
				may[f] = n != "0"
			}
		}
		return nil
	})
	return may
}

// counter finds a counter by its name in a file. The file has lines "NAME VALUE", or
// pairs of lines: the first with the names, the second with the values.
func counter(file, name string) (value string, found bool) {
	f, err := os.Open(file)
	if err != nil {
		return "", false
	}
	defer f.Close()
	var heading []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) == 2 && words[0] == name {
			return words[1], true
		}
		for i := range words {
			if i < len(heading) && heading[i] == name && words[0] == heading[0] {
				return words[i], true
			}
		}
		heading = words
	}
	return "", false
}
