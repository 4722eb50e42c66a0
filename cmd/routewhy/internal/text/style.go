package text

import "strings"

// Style is how text is drawn. The zero value is plain: no colour, ASCII marks, 80
// columns.
type Style struct {
	Color   bool
	Unicode bool // marks outside ASCII may be used
	Width   int  // columns; zero: 80
	// Fold says that a line with more columns is folded at a space, because a terminal would
	// break it within a word. Otherwise a sentence is one line, so that grep finds it.
	Fold    bool
	Verbose bool
	Quiet   bool
}

func (s Style) width() int {
	if s.Width == 0 {
		return 80
	}
	return max(s.Width, 40)
}

// ink is a way to emphasise text.
type ink string

const (
	plain  ink = ""
	bold   ink = "1"
	dim    ink = "2"
	red    ink = "1;31"
	green  ink = "32"
	yellow ink = "33"
)

func (s Style) paint(i ink, text string) string {
	if !s.Color || i == plain || text == "" {
		return text
	}
	return "\x1b[" + string(i) + "m" + text + "\x1b[0m"
}

// mark is the sign in front of a candidate.
type mark int

const (
	markChosen mark = iota
	markLost
	markUnusable
)

func (s Style) mark(m mark) string {
	if s.Unicode {
		return [...]string{"✓", "·", "-"}[m]
	}
	return [...]string{">", ".", "-"}[m]
}

// wrap breaks a text into lines of at most width columns, at spaces. A command between
// backquotes stays on one line, even if it is longer: a part of it may be another command.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range words(strings.Join(strings.Fields(text), " ")) {
		word = strings.TrimPrefix(word, " ")
		if line != "" && textWidth(line)+1+textWidth(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// beside puts a label before a text that is wrapped. If there is too little room beside the
// label, the text is below it.
func (s Style) beside(label, text string, i ink) []string {
	indent := textWidth(label)
	room := s.width() - indent
	var out []string
	if textWidth(text) > room && (room < minFolded || longestWord(text) > room) {
		start := 0
		if bare := strings.TrimLeft(label, " "); bare != "" {
			start = indent - textWidth(bare)
			out = append(out, strings.TrimRight(label, " "))
		}
		indent = min(start+4, indent)
		label = strings.Repeat(" ", indent)
	}
	for n, l := range wrap(text, max(s.width()-indent, minFolded)) {
		if n > 0 {
			label = strings.Repeat(" ", indent)
		}
		out = append(out, label+s.paint(i, l))
	}
	return out
}

// textWidth is how many columns a text takes. The texts here have no wide runes.
func textWidth(s string) int { return len([]rune(s)) }

func pad(s string, width int) string {
	if n := width - textWidth(s); n > 0 {
		return s + strings.Repeat(" ", n)
	}
	return s
}
