package redact

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"regexp"
	"strings"
)

// names are the patterns of what stands in the names that people give to devices and
// tables. Each [Mapping] compiles them: most runs of the program redact nothing.
type names struct{ dotted, colons, hardware *regexp.Regexp }

func newNames() names {
	return names{
		dotted:   regexp.MustCompile(`\d{1,3}(?:[._-]\d{1,3}){3}`),
		colons:   regexp.MustCompile(`[0-9A-Fa-f]*(?::[0-9A-Fa-f]*){2,}`),
		hardware: regexp.MustCompile(`x[0-9a-f]{12}$|(?:[0-9A-Fa-f]{2}[:_-]){5}[0-9A-Fa-f]{2}`),
	}
}

// text replaces the addresses in a name: those of IP, and those of network cards
// (enx001122334455).
func (m *Mapping) text(s string) string {
	s = m.names.hardware.ReplaceAllStringFunc(s, m.hardware)
	s = m.names.dotted.ReplaceAllStringFunc(s, func(old string) string {
		a, err := netip.ParseAddr(strings.NewReplacer("_", ".", "-", ".").Replace(old))
		if err != nil {
			return old
		}
		separator := old[strings.IndexAny(old, "._-")]
		return strings.ReplaceAll(m.Addr(a).String(), ".", string(separator))
	})
	return m.names.colons.ReplaceAllStringFunc(s, func(old string) string {
		a, err := netip.ParseAddr(old)
		if err != nil {
			return old
		}
		return m.Addr(a).String()
	})
}

// hardware replaces the digits of a hardware address.
func (m *Mapping) hardware(old string) string {
	h := hmac.New(sha256.New, m.key)
	h.Write([]byte(old))
	fresh := hex.EncodeToString(h.Sum(nil))
	var b strings.Builder
	for i, c := range old {
		if strings.ContainsRune("x:_-", c) {
			b.WriteRune(c)
		} else {
			b.WriteByte(fresh[i])
		}
	}
	return b.String()
}
