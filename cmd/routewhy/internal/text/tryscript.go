package text

import (
	"fmt"
	"io"
	"strings"

	"routewhy/lookup/report"
)

// scriptHead and the other constants are the parts of a script that makes a change and
// undoes it.
const (
	scriptHead = `#!/bin/sh
# Makes a change and takes it back after %[1]d seconds, unless it is confirmed. Run it as
# root. What takes it back is started before the change, outside of this session.
# To confirm, log in anew, which shows that one still can, and: rm %[2]s/armed
%[3]sset -u
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
dir=%[2]s
if ! mkdir "$dir"; then
	echo "a change waits to be confirmed or taken back already: see $dir" >&2
	exit 1
fi
cat >"$dir/undo" <<'END_OF_UNDO'
trap '' HUP INT TERM
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
dir=%[2]s
: >"$dir/armed"
n=0
while [ "$n" -lt %[1]d ] && [ -e "$dir/armed" ] && [ ! -e "$dir/now" ]; do
	sleep 1
	n=$((n + 1))
done
if mv "$dir/armed" "$dir/undoing" 2>/dev/null; then
`
	scriptArm = `	echo "the change was taken back" >&2
fi
rm -rf "$dir"
END_OF_UNDO
same_namespace() { # as the system's first process, whose systemd would take it back there
	[ "$(readlink /proc/self/ns/net)" = "$(readlink /proc/1/ns/net)" ]
}
if ! { [ -d /run/systemd/system ] && same_namespace &&
	systemd-run --quiet --collect --unit=routewhy-undo /bin/sh "$dir/undo" 2>/dev/null; }; then
	setsid sh "$dir/undo" </dev/null >/dev/null 2>&1 &
fi
n=0
until [ -e "$dir/armed" ]; do
	if [ "$n" -ge 10 ]; then
		echo "nothing would take the change back: it is not made" >&2
		rm -rf "$dir"
		exit 1
	fi
	sleep 1
	n=$((n + 1))
done
failed() {
	echo "failed: what was done is taken back now" >&2
	: >"$dir/now"
	exit 1
}
`
	scriptTail = `echo "The change is made. Log in anew, and: rm $dir/armed"
echo "Otherwise it is taken back after %[1]d seconds."
`
	scriptPartly = `echo "That does not bring everything back: see the first lines of $0."
`
	scriptDir = "/run/routewhy-undo"
)

// Script writes a POSIX shell script that makes a change. The script undoes the change
// after the given seconds unless the user confirms it. The commands are in
// the form that a shell takes. The comments at its beginning say what undo does
// not restore.
func Script(w io.Writer, t *report.Try, commands []string, seconds int) error {
	var b, left strings.Builder
	for i := range t.UndoLeft {
		fmt.Fprintf(&left, "# It does not bring back %s.\n", leftWords(&t.UndoLeft[i]))
	}
	fmt.Fprintf(&b, scriptHead, seconds, scriptDir, &left)
	for _, c := range t.Undo {
		fmt.Fprintf(&b, "\t%s\n", c)
	}
	b.WriteString(scriptArm)
	for _, c := range commands {
		fmt.Fprintf(&b, "%s || failed\n", c)
	}
	fmt.Fprintf(&b, scriptTail, seconds)
	if left.Len() > 0 {
		b.WriteString(scriptPartly)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Undo writes the commands that restore the present state, one on each line.
func Undo(w io.Writer, commands []string) error {
	for _, c := range commands {
		if _, err := fmt.Fprintln(w, c); err != nil {
			return err
		}
	}
	return nil
}

// ShellWords are words in the form that a shell takes.
func ShellWords(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = w
		if w == "" || strings.IndexFunc(w, quotes) >= 0 {
			out[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(out, " ")
}

// quotes reports whether a character has, or may have, a special meaning in a shell.
func quotes(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:@%+=,", r))
}
