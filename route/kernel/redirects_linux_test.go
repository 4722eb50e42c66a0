package kernel

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCounter(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		want  string
		found bool
	}{
		"snmp":           {"Ip: Forwarding InRedirects\nIp: 1 2\nIcmp: InMsgs InRedirects\nIcmp: 7 3\n", "2", true},
		"below a name":   {"Icmp: InMsgs InRedirects\nIcmp: 7 3\n", "3", true},
		"snmp6":          {"Ip6InReceives  \t9\nIcmp6InRedirects  \t4\n", "4", true},
		"not there":      {"Icmp: InMsgs\nIcmp: 7\n", "", false},
		"values missing": {"Icmp: InMsgs InRedirects\nIcmp: 7\n", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "snmp")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			key := "InRedirects"
			if name == "snmp6" {
				key = "Icmp6InRedirects"
			}
			if got, found := counter(file, key); got != c.want || found != c.found {
				t.Errorf("got %q, %v; want %q, %v", got, found, c.want, c.found)
			}
		})
	}
	if _, found := counter(filepath.Join(t.TempDir(), "none"), "InRedirects"); found {
		t.Error("a file that is not there has a counter")
	}
}
