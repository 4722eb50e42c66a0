package report

import (
	"net/netip"
	"slices"
	"strconv"

	"routewhy/lookup/change/command"
)

// missingWord looks for a word without which ip refuses: dev before a device, and a
// prefix's length that was written as a mask.
func (w *why) missingWord() {
	no, text := w.step.Refusal, w.step.Text
	if no.By != "ip" || no.End <= no.Start || no.End > len(text) {
		return
	}
	word := text[no.Start:no.End]
	candidate := ""
	switch {
	case w.snap.LinkByName(word) != nil:
		candidate = text[:no.Start] + "dev " + text[no.Start:]
	case word == "netmask":
		candidate = withLength(w.step)
	}
	if candidate == "" {
		return
	}
	run := command.Run{After: w.state}
	err := run.Do(&command.Script{Lines: command.Lines(candidate)})
	if err == nil && len(run.Steps) == 1 && run.Steps[0].Accepted() {
		w.out.Instead = append(w.out.Instead, Instead{candidate, InsteadWord})
	}
}

// withLength is a command with a prefix's length in the place of `netmask MASK`.
func withLength(s *command.Step) string {
	at := slices.Index(s.Words, "netmask")
	if at < 1 || at+1 >= len(s.Words) {
		return ""
	}
	mask, err := netip.ParseAddr(s.Words[at+1])
	if err != nil || !mask.Is4() {
		return ""
	}
	bits := 0
	for b := mask.As4(); bits < 32 && b[bits/8]&(0x80>>(bits%8)) != 0; bits++ {
	}
	out := ""
	for i, word := range s.Words {
		if i == at || i == at+1 {
			continue
		}
		if i == at-1 {
			word += "/" + strconv.Itoa(bits)
		}
		if i > 0 {
			out += " "
		}
		out += word
	}
	return out
}
