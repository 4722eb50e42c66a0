package command

import "strings"

// sysctl reads a command of sysctl(8).
func (a *args) sysctl(c *Command) {
	writes, some, quiet := false, false, false
	for a.more() {
		word := a.take()
		if strings.HasPrefix(word, "-") && !strings.Contains(word, "=") {
			writes = a.sysctlOption(word) || writes
			quiet = quiet || word == "--ignore" || !strings.HasPrefix(word, "--") && strings.Contains(word, "e")
			continue
		}
		some = true
		key, value, has := strings.Cut(word, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		switch {
		case has && a.skip("="), !has && a.skip("="):
			a.unknown("a blank before %q is not understood", "=")
		case !has && writes:
			a.refuse("%q must be of the form name=value", raw(word))
		case !has:
			c.Reads = true
		case key == "" || value == "":
			a.refuse("malformed setting %q", raw(word))
		default:
			a.setting(c, key, value, quiet)
		}
	}
	if !some {
		c.Reads = true
	}
	if len(c.Changes) > 0 {
		c.Reads = false
	}
}

// sysctlOption reads an option, and reports whether it is -w.
func (a *args) sysctlOption(word string) bool {
	switch word {
	case "--write":
		return true
	case "--quiet", "--ignore", "--values", "--names", "--all", "--deprecated":
		return false
	}
	if strings.HasPrefix(word, "--") {
		a.unknown("%q of sysctl is not understood", word)
	}
	for _, o := range word[1:] {
		if !strings.ContainsRune("weqnNaAbX", o) {
			a.unknown("%q of sysctl is not understood: it reads a file, or does something else", "-"+string(o))
		}
	}
	return strings.Contains(word, "w")
}

// settingPath is the path of a setting. If a key has dots and slashes, the one that
// comes first is the separator (slashdot in sysctl(8)).
func settingPath(key string) string {
	at := strings.IndexAny(key, "./")
	if at < 0 || key[at] == '/' {
		return strings.TrimPrefix(key, "/proc/sys/")
	}
	return strings.Map(func(r rune) rune {
		switch r {
		case '.':
			return '/'
		case '/':
			return '.'
		}
		return r
	}, key)
}
