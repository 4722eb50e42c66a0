package load

import (
	"cmp"
	"slices"
	"strings"

	"routewhy/route/iproute2"
)

// Chats and web pages join the lines of a listing to one.

// perhapsFlat reports whether a line has the words of more than one route. It is quick.
func perhapsFlat(w []string) bool {
	devices := 0
	for i, s := range w {
		if s == "dev" {
			devices++
		}
		if devices > 1 || i > 2 && s == "default" {
			return true
		}
	}
	return false
}

// flatRoutes are the routes that are on one line. A route begins with a destination where no
// word wants a value.
func flatRoutes(w []string) [][]string {
	if slices.Contains(w, "encap") {
		return [][]string{w}
	}
	return flat(w, func(i int) bool {
		before := w[i-1]
		return !iproute2.WantsMore(before) && before != "inet" && before != "inet6" && beginsRoute(w[i:])
	})
}

// flatRules are the rules that are on one line.
func flatRules(w []string) [][]string {
	return flat(w, func(i int) bool { return ruleLine().MatchString(strings.Join(w[i:min(i+2, len(w))], " ") + " ") })
}

func flat(w []string, begins func(i int) bool) [][]string {
	var out [][]string
	from := 0
	for i := 2; i < len(w) && len(out) < maxFlat; i++ {
		if i-from > 1 && begins(i) { // a type and its destination are one route
			out = append(out, w[from:i])
			from = i
		}
	}
	return append(out, w[from:])
}

// maxFlat is how many routes or rules of one line are told apart.
const maxFlat = 1 << 10

// flatColumns are the lines of a table of route(8) or netstat(8) that are on one line: the
// headings and the rows. Nil: it is no such line.
func flatColumns(s string) []string {
	w := strings.Fields(s)
	from, last := slices.Index(w, "Destination"), slices.Index(w, "Iface")
	n := last - from + 1
	rest := w[last+1:]
	if from < 0 || n < 8 || n > 11 || w[from+2] != "Genmask" || len(rest) == 0 || len(rest)%n != 0 {
		return nil
	}
	out := []string{strings.Join(w[from:last+1], " ")}
	for row := range slices.Chunk(rest, n) {
		out = append(out, strings.Join(row, " "))
	}
	return out
}

// takeAll reads lines that were joined to one.
func (t *lines) takeAll(all []string) error {
	var first error
	for _, s := range all {
		first = cmp.Or(first, t.take(clean(s)))
	}
	return first
}
