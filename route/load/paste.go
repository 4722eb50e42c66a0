package load

import (
	"errors"
	"strings"
)

// People paste listings from terminals, mails and tickets. What is about them
// there is taken off here, and what is of another system is told apart.

var (
	// commandLine is a prompt with a command, or a command alone.
	commandLine = lazily(`^(?:[^<>|]*[$#>%+] *)?(?:sudo +)?(?:[\w./-]*/)?(?:ip +(?:-\S+ +)*[a-z]|(?:route|netstat|cat|sysctl)(?: |$))`)
	colour      = lazily("\x1b\\[[0-9;]*[mK]")
	quoted      = lazily(`^(?:> ?)+`)
)

// clean is a line without what a terminal, a mail or a ticket adds to it.
func clean(s string) string {
	if strings.IndexByte(s, 0x1b) >= 0 {
		s = colour().ReplaceAllString(s, "")
	}
	if strings.HasPrefix(s, ">") {
		s = quoted().ReplaceAllString(s, "")
	}
	if strings.Contains(s, "\u00a0") || strings.IndexByte(s, '\\') >= 0 {
		s = strings.NewReplacer("\u00a0", " ", "\\", " ").Replace(s)
	}
	return strings.TrimRight(strings.TrimPrefix(s, "\ufeff"), " \t\r")
}

// isFence says whether a word begins or ends a block of code (Markdown, and the
// trackers that have their own).
func isFence(w string) bool {
	return strings.HasPrefix(w, "```") || w == "~~~" || w == "{code}" || w == "{noformat}" || strings.HasPrefix(w, "[code")
}

// foreign tells a listing of something that is no set-up of Linux, or has not
// enough of it, by a line that nothing else has.
func foreign(s string) error {
	switch {
	case s == "Routing tables", s == "Internet:", s == "Internet6:":
		return errors.New("is a listing of BSD or macOS: routewhy knows how Linux decides")
	case strings.HasPrefix(s, "IPv4 Route Table"), strings.HasPrefix(s, "Active Routes:"), strings.HasPrefix(s, "Interface List"):
		return errors.New("is a listing of Windows: routewhy knows how Linux decides")
	case strings.HasPrefix(s, "  +-- 0.0.0.0/0 "), s == "Main:", s == "Local:":
		return errors.New("is /proc/net/fib_trie, which tells no gateway and no device: /proc/net/route does")
	}
	return nil
}
