package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"routewhy/lookup/check"
	"routewhy/route/iproute2"
)

// completion is a script that teaches a shell the flags and their values.
func completion(shell string, fs *pflag.FlagSet) string {
	switch shell {
	case "bash":
		return bashCompletion(fs)
	case "zsh":
		return zshCompletion(fs)
	}
	return fishCompletion(fs)
}

// values are what can follow a flag: words, or the names in a directory. The zero
// value means that a shell cannot know any values.
type values struct {
	words []string
	dir   string
	files bool // any file
}

func flagValues(name string) values {
	switch name {
	case "iif", "oif", "vrf":
		return values{dir: "/sys/class/net"}
	case "netns":
		return values{dir: "/run/netns"}
	case "load", "save", "record", "history", "html", "svg":
		return values{files: true}
	case "table":
		return values{words: []string{"local", "main", "default"}}
	case "explain":
		return values{words: checkIDs()}
	case "color":
		return values{words: colorWords()}
	case "completion":
		return values{words: shells()}
	case "tos":
		return values{words: numberNames(iproute2.TOSNames())}
	case "ipproto":
		return values{words: numberNames(iproute2.Protocols())}
	}
	return values{}
}

// checkIDs are the IDs of all checks.
func checkIDs() []string {
	var ids []string
	for _, c := range check.All() {
		ids = append(ids, c.ID)
	}
	return ids
}

func numberNames(numbers []iproute2.NamedNumber) []string {
	var names []string
	for _, n := range numbers {
		names = append(names, n.Name)
	}
	return names
}

func takesValue(f *pflag.Flag) bool { return f.NoOptDefVal == "" }

// bashCompletion avoids compgen -W, because that expands its words, and a device may
// have a name with a dollar sign in it.
func bashCompletion(fs *pflag.FlagSet) string {
	var flags []string
	var cases strings.Builder
	fs.VisitAll(func(f *pflag.Flag) {
		flags = append(flags, "--"+f.Name)
		if f.Shorthand != "" {
			flags = append(flags, "-"+f.Shorthand)
		}
		if takesValue(f) {
			v := flagValues(f.Name)
			list := shellQuote(strings.Join(v.words, " "))
			if v.files {
				list = `$(compgen -f -- "$cur")`
			} else if v.dir != "" {
				list = fmt.Sprintf("$(command ls %s 2>/dev/null)", v.dir)
			}
			fmt.Fprintf(&cases, "  --%s) words=%s ;;\n", f.Name, list)
		}
	})
	return fmt.Sprintf(`# bash completion for routewhy: source <(routewhy --completion bash)
_routewhy() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words word
  if [[ $cur == = ]]; then
    cur=
  elif [[ $prev == = ]]; then
    prev=${COMP_WORDS[COMP_CWORD-2]}
  fi
  COMPREPLY=()
  case $prev in
%s  *)
    if [[ $cur == -* ]]; then
      words=%s
    else
      words="default $(compgen -A hostname -- "$cur")"
    fi ;;
  esac
  for word in $words; do
    if [[ $word == "$cur"* ]]; then
      COMPREPLY+=("$(printf %%q "$word")")
    fi
  done
}
complete -F _routewhy routewhy
`, &cases, shellQuote(strings.Join(flags, " ")))
}

func zshCompletion(fs *pflag.FlagSet) string {
	var specs strings.Builder
	fs.VisitAll(func(f *pflag.Flag) {
		spec := "--" + f.Name
		if takesValue(f) {
			spec += "="
		}
		spec = shellQuote(spec + "[" + f.Usage + "]" + zshAction(f))
		if f.Shorthand != "" {
			spec = fmt.Sprintf("'(-%[1]s --%[2]s)'{-%[1]s,--%[2]s}%[3]s", f.Shorthand, f.Name, shellQuote("["+f.Usage+"]"))
		}
		fmt.Fprintf(&specs, "    %s \\\n", spec)
	})
	return fmt.Sprintf(`#compdef routewhy
# zsh completion for routewhy: source <(routewhy --completion zsh)
_routewhy() {
  _arguments -s -S \
%s    '*:destination:_hosts'
}
if [ "$funcstack[1]" = _routewhy ]; then
  _routewhy "$@"
else
  compdef _routewhy routewhy
fi
`, &specs)
}

// zshAction says what can follow a flag, in the language of _arguments.
func zshAction(f *pflag.Flag) string {
	v := flagValues(f.Name)
	switch {
	case !takesValue(f):
		return ""
	case v.files:
		return ":" + f.Name + ":_files"
	case v.dir != "":
		return ":" + f.Name + ":_files -W " + v.dir
	case len(v.words) == 0:
		return ":" + f.Name + ": "
	}
	return ":" + f.Name + ":(" + strings.Join(v.words, " ") + ")"
}

func fishCompletion(fs *pflag.FlagSet) string {
	var b strings.Builder
	b.WriteString("# fish completion for routewhy: routewhy --completion fish | source\n")
	b.WriteString("complete -c routewhy -f -a 'default (__fish_print_hostnames)'\n")
	fs.VisitAll(func(f *pflag.Flag) {
		fmt.Fprintf(&b, "complete -c routewhy -l %s", f.Name)
		if f.Shorthand != "" {
			fmt.Fprintf(&b, " -s %s", f.Shorthand)
		}
		if takesValue(f) {
			b.WriteString(map[bool]string{true: " -rF", false: " -x"}[flagValues(f.Name).files])
		}
		v := flagValues(f.Name)
		if v.dir != "" {
			fmt.Fprintf(&b, " -a '(command ls %s 2>/dev/null)'", v.dir)
		} else if len(v.words) > 0 {
			fmt.Fprintf(&b, " -a %s", shellQuote(strings.Join(v.words, " ")))
		}
		fmt.Fprintf(&b, " -d %s\n", shellQuote(f.Usage))
	})
	return b.String()
}

// shellQuote quotes a word for any of the shells.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
