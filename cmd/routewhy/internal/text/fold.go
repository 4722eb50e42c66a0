package text

import (
	"io"
	"strings"
)

// minFolded is how many columns a folded line has at least.
const minFolded = 24

// fold breaks a line that has more columns than the terminal at spaces. What is folded begins
// in the column of the line's last cell if there is enough room. Otherwise it begins a bit to
// the right of the line's first column, and the last cell goes there as a whole if it fits.
// Cells have two spaces between them. A word is never broken. Colours may be in the line.
func (s Style) fold(line string) string {
	if !s.Fold || visibleWidth(line) <= s.width() {
		return line
	}
	if line = strings.TrimRight(line, " "); visibleWidth(line) <= s.width() {
		return line
	}
	indent, whole := s.foldedIndent(line)
	var b strings.Builder
	column := 0
	for i, word := range words(line) {
		wide := visibleWidth(word)
		bare := len(word) - len(strings.TrimLeft(word, " "))
		if i > 0 && column > indent && (column+wide > s.width() || column+bare == whole) {
			word = strings.Repeat(" ", indent) + word[bare:]
			b.WriteByte('\n')
			column, wide = 0, wide-bare+indent
		}
		b.WriteString(word)
		column += wide
	}
	return b.String()
}

// Folding is a writer to a terminal of some columns. It folds the lines of each text that ends
// with a line end. Other texts, such as those that are written over again, stay as they are.
func Folding(w io.Writer, columns int) io.Writer {
	return folding{w, Style{Fold: true, Width: columns}}
}

type folding struct {
	w  io.Writer
	st Style
}

func (f folding) Write(b []byte) (int, error) {
	text, whole := strings.CutSuffix(string(b), "\n")
	if !whole || strings.ContainsRune(text, '\r') {
		return f.w.Write(b)
	}
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = f.st.fold(lines[i])
	}
	if _, err := io.WriteString(f.w, strings.Join(lines, "\n")+"\n"); err != nil {
		return 0, err
	}
	return len(b), nil
}

// foldedIndent is the column at which the rest of a folded line begins, and the column of the
// last cell if that goes there as a whole; -1: it does not.
func (s Style) foldedIndent(line string) (indent, whole int) {
	bare := withoutColour(line)
	start := textWidth(bare) - textWidth(strings.TrimLeft(bare, " "))
	cell, cells := start+2, false
	if i := strings.LastIndex(strings.TrimSpace(bare), "  "); i >= 0 {
		cell, cells = start+textWidth(strings.TrimSpace(bare)[:i])+2, true
	}
	if s.width()-cell >= minFolded && longestWord(bare) <= s.width()-cell {
		return cell, -1
	}
	if cells && start+4+textWidth(strings.TrimRight(bare, " "))-cell <= s.width() {
		return start + 4, cell
	}
	return start + 4, -1
}

// words are the words of a line, each with the spaces before it. A command between backquotes
// is one word.
func words(line string) []string {
	var out []string
	for line != "" {
		bare := strings.TrimLeft(line, " ")
		spaces := len(line) - len(bare)
		end := spaces + wordEnd(bare)
		out, line = append(out, line[:end]), line[end:]
	}
	return out
}

// wordEnd is where the first word of a text ends.
func wordEnd(text string) int {
	end := spaceAfter(text, 0)
	if strings.Count(text[:end], "`")%2 == 0 {
		return end
	}
	closing := strings.IndexByte(text[end:], '`')
	if closing < 0 {
		return end
	}
	return spaceAfter(text, end+closing)
}

// spaceAfter is where the first space at or after a place is, or the end of the text.
func spaceAfter(text string, from int) int {
	if i := strings.IndexByte(text[from:], ' '); i >= 0 {
		return from + i
	}
	return len(text)
}

// longestWord is how many columns the longest word of a text takes.
func longestWord(text string) int {
	n := 0
	for _, w := range strings.Fields(text) {
		n = max(n, textWidth(w))
	}
	return n
}

// withoutColour is a text without the sequences that [Style.paint] adds.
func withoutColour(text string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "\x1b[")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		_, text, _ = strings.Cut(rest, "m")
	}
}

// visibleWidth is how many columns a text takes on a terminal.
func visibleWidth(text string) int { return textWidth(withoutColour(text)) }
