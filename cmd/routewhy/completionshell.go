package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

func takesValue(f *pflag.Flag) bool { return f.NoOptDefVal == "" }

// valueFlags are the flags after which a value can come, as a word of its own or after "=".
func valueFlags(fs *pflag.FlagSet) []*pflag.Flag {
	var all []*pflag.Flag
	fs.VisitAll(func(f *pflag.Flag) {
		if f.NoOptDefVal != "true" {
			all = append(all, f)
		}
	})
	return all
}

// bashCompletion avoids compgen -W, because that expands its words, and a device may
// have a name with a dollar sign in it.
func bashCompletion(fs *pflag.FlagSet) string {
	var flags []string
	var cases, optional, operands strings.Builder
	fs.VisitAll(func(f *pflag.Flag) {
		flags = append(flags, "--"+f.Name)
		if f.Shorthand != "" {
			flags = append(flags, "-"+f.Shorthand)
		}
	})
	for _, f := range valueFlags(fs) {
		if takesValue(f) {
			fmt.Fprintf(&cases, "    --%s) %s ;;\n", f.Name, bashValues(flagValues(f.Name)))
		} else {
			fmt.Fprintf(&optional, "    --%s=) %s ;;\n", f.Name, bashValues(flagValues(f.Name)))
		}
	}
	for _, mode := range slices.Sorted(maps.Keys(operandValues())) {
		fmt.Fprintf(&operands, "      --%s) %s ;;\n", mode, bashValues(operandValues()[mode]))
	}
	return fmt.Sprintf(`# bash completion for routewhy: source <(routewhy --completion bash)

# Names of this host, or of the namespace that the command line names.
_routewhy_names() {
  local name
  while read -r name; do
    list+=("$name")
  done < <(command routewhy --completion "$1" ${netns:+--netns="$netns"} 2>/dev/null)
}

_routewhy() {
  local line=${COMP_LINE:0:COMP_POINT} words word cur value lead= prev= mode= netns= files= list=() full cut c
  cur=${line##*[[:space:]]}
  read -ra words <<<"${line%%"$cur"}"
  for word in "${words[@]}"; do
    case $word in
    --netns=*) netns=${word#*=} ;;
    --expect=*) mode=--expect ;;
    --check | --diff | --expect | --sockets) mode=$word ;;
    esac
    if [[ $prev == --netns ]]; then
      netns=$word
    fi
    prev=$word
  done
  value=$cur
  if [[ $cur == --*=* ]]; then
    prev=${cur%%%%=*}
    value=${cur#*=}
    lead=$prev=
  fi
  COMPREPLY=()
  case $prev$([[ $lead ]] && echo =) in
%[2]s  esac
  case $prev in
%[1]s  *)
    if [[ $lead ]]; then
      :
    elif [[ $cur == -* ]]; then
      list=(%[3]s)
    else
      case $mode in
%[4]s      *) list=(default $(compgen -A hostname -- "$value")) ;;
      esac
    fi ;;
  esac
  for c in '' = :; do # what is before one of these signs is a word of its own
    if [[ $c && $COMP_WORDBREAKS == *$c* && $cur == *$c* ]]; then
      word=${cur%%"${cur##*"$c"}"}
      if (( ${#word} > ${#cut} )); then
        cut=$word
      fi
    fi
  done
  for word in "${list[@]}"; do
    if [[ $word == "$value"* ]]; then
      full=$lead$word
      COMPREPLY+=("$(printf %%q "${full#"$cut"}")")
    fi
  done
  if [[ $files ]]; then
    compopt -o filenames 2>/dev/null
    while read -r word; do
      COMPREPLY+=("$word")
    done < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]#=}")
  fi
}
complete -F _routewhy routewhy
`, &cases, &optional, quotedWords(flags), &operands)
}

// bashValues are the commands that find values.
func bashValues(v values) string {
	var all []string
	if len(v.words) > 0 {
		all = append(all, "list=("+quotedWords(v.words)+")")
	}
	if v.list != "" {
		all = append(all, "_routewhy_names "+v.list)
	}
	if v.files {
		all = append(all, "files=1")
	}
	if len(all) == 0 {
		return ":"
	}
	return strings.Join(all, "; ")
}

func quotedWords(words []string) string {
	var out []string
	for _, w := range words {
		out = append(out, shellQuote(w))
	}
	return strings.Join(out, " ")
}

func zshCompletion(fs *pflag.FlagSet) string {
	var specs, operands strings.Builder
	fs.VisitAll(func(f *pflag.Flag) {
		about := "[" + strings.NewReplacer("[", `\[`, "]", `\]`).Replace(f.Usage) + "]"
		spec := "--" + f.Name
		if f.Name == "load" || f.Name == "try" {
			spec = "*" + spec // may be given again
		}
		switch {
		case takesValue(f):
			spec += "=" + about + ":" + f.Name + ":" + zshAction(flagValues(f.Name))
		case f.NoOptDefVal != "true":
			spec += "=-" + about + "::" + f.Name + ":" + zshAction(flagValues(f.Name))
		default:
			spec += about
		}
		spec = shellQuote(spec)
		if f.Shorthand != "" {
			spec = fmt.Sprintf("'(-%[1]s --%[2]s)'{-%[1]s,--%[2]s}%[3]s", f.Shorthand, f.Name, shellQuote(about))
		}
		fmt.Fprintf(&specs, "    %s \\\n", spec)
	})
	for _, mode := range slices.Sorted(maps.Keys(operandValues())) {
		fmt.Fprintf(&operands, "  --%s*)\n    %s ;;\n", mode, zshOperands(operandValues()[mode]))
	}
	return fmt.Sprintf(`#compdef routewhy
# zsh completion for routewhy: source <(routewhy --completion zsh)

# Names of this host, or of the namespace that the command line names. What the function gets
# before the last argument is for compadd.
_routewhy_names() {
  local -a list netns
  local i=${words[(I)--netns]}
  (( i )) && (( i + 1 < CURRENT )) && netns=(--netns=${words[i+1]})
  i=${words[(I)--netns=*]}
  (( i )) && netns=(${words[i]})
  list=(${(f)"$(command routewhy --completion $argv[-1] $netns 2>/dev/null)"})
  compadd "${(@)argv[1,-2]}" -a list
}

_routewhy_operand() {
  case ${words[(r)--(%[2]s)(=*|)]} in
%[3]s  *)
    compadd -- default
    _hosts ;;
  esac
}

_routewhy() {
  _arguments -s -S \
%[1]s    '*:destination:_routewhy_operand'
}
if [ "$funcstack[1]" = _routewhy ]; then
  _routewhy "$@"
else
  compdef _routewhy routewhy
fi
`, &specs, strings.Join(slices.Sorted(maps.Keys(operandValues())), "|"), &operands)
}

// zshAction says what can follow a flag, in the language of _arguments.
func zshAction(v values) string {
	if v.none() {
		return " "
	}
	var all []string
	if len(v.words) > 0 {
		all = append(all, "compadd -- "+strings.Join(v.words, " "))
	}
	if v.list != "" {
		all = append(all, "_routewhy_names "+v.list)
	}
	if v.files {
		all = append(all, "_files")
	}
	if len(all) == 1 && len(v.words) == 0 {
		return all[0]
	}
	return "{" + strings.Join(all, "; ") + "}"
}

func zshOperands(v values) string { return strings.Trim(zshAction(v), "{}") }

func fishCompletion(fs *pflag.FlagSet) string {
	var b strings.Builder
	b.WriteString(`# fish completion for routewhy: routewhy --completion fish | source

# Names of this host, or of the namespace that the command line names.
function __routewhy_names
    set -l netns
    set -l before
    for word in (commandline -opc)
        if test "$before" = --netns
            set netns --netns=$word
        else if string match -q -- '--netns=*' $word
            set netns $word
        end
        set before $word
    end
    command routewhy --completion $argv[1] $netns 2>/dev/null
end

function __routewhy_mode
    string match -qr -- "^--($argv[1])(=.*)?\$" (commandline -opc)
end

`)
	modes := slices.Sorted(maps.Keys(operandValues()))
	fmt.Fprintf(&b, "complete -c routewhy -f\ncomplete -c routewhy -n 'not __routewhy_mode \"%s\"' -a 'default (__fish_print_hostnames)'\n", strings.Join(modes, "|"))
	for _, mode := range modes {
		fmt.Fprintf(&b, "complete -c routewhy -n '__routewhy_mode %s'%s\n", mode, fishValues(operandValues()[mode]))
	}
	fs.VisitAll(func(f *pflag.Flag) {
		fmt.Fprintf(&b, "complete -c routewhy -l %s", f.Name)
		if f.Shorthand != "" {
			fmt.Fprintf(&b, " -s %s", f.Shorthand)
		}
		v := flagValues(f.Name)
		if takesValue(f) {
			b.WriteString(map[bool]string{true: " -r", false: " -x"}[v.files])
		}
		if f.NoOptDefVal != "true" {
			b.WriteString(fishValues(v))
		}
		fmt.Fprintf(&b, " -d %s\n", shellQuote(f.Usage))
	})
	return b.String()
}

// fishValues are the arguments of complete(1) for values.
func fishValues(v values) string {
	var all []string
	all = append(all, v.words...)
	if v.list != "" {
		all = append(all, "(__routewhy_names "+v.list+")")
	}
	out := ""
	if v.files {
		out = " -F"
	}
	if len(all) > 0 {
		out += " -a " + shellQuote(strings.Join(all, " "))
	}
	return out
}
