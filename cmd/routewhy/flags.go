package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"routewhy/cmd/routewhy/internal/schema"
	"routewhy/lookup/check"
	"routewhy/lookup/report"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// options is a command line after it was understood.
type options struct {
	run func(context.Context, *options, stdio) error
	// destinations are what to explain, in the order given.
	destinations []destination
	// sources are what --diff compares: files, or "-" or "live". With --expect they are
	// the hosts: files, or "live".
	sources []string
	// expect is the file of expectations, and junit is the file for the report about them;
	// empty: none.
	expect, junit string
	// wanted restricts --sockets.
	wanted report.SocketQuery
	// batch is the file of lines that --batch answers; "-" is standard input.
	batch string
	// tries are what --try has to try, as given by the user: commands, files, or "-".
	tries []string
	// undo and script say what --try prints instead. For script, the number says after
	// how many seconds.
	undo   bool
	script optional[uint32]
	// checks are the checks that --check makes. If list is set, it lists them
	// instead.
	checks []check.Check
	list   bool
	// watch are the flags of --watch.
	watch watchFlags
	// record are the flags of --record, and history those of --history.
	record  recordFlags
	history historyFlags
	// every is how often, in seconds, everything is read again.
	every optional[uint32]
	// metrics is the file to write metrics to; "-" is standard output; empty: none.
	metrics string
	// other is the packet that --unlike compares with, as given by the user.
	other string
	// errno is the error that --errno asks about, as given by the user.
	errno string
	// want says where --why-not wants the packet to go, as given by the user.
	want string
	// family restricts the answer to one family (-4, -6, or the family of
	// --from); zero: both.
	family route.Family
	packet packet
	// reply says that the answer includes the way back.
	reply bool
	// table is the table that --dump is restricted to, a name or a number as
	// it was given; empty: all. See [route.Names.TableByName].
	table string
	// netns is the network namespace to read: a name, a PID or a path as it
	// was given; empty: the caller's.
	netns string
	// load are the files to read the facts from; empty: the facts come from the
	// kernel.
	load []string
	// loadLimit is how many MiB of memory the contents of these files may take.
	loadLimit optional[uint32]
	// strict makes it an error if something in these files is not understood.
	strict bool
	// redact says what to replace in a saved snapshot because it is not for the
	// public: one of redactWords; empty: nothing.
	redact string
	// save is the file to write a snapshot to; empty: none.
	save string

	// html and svg are the files to write the answer to as a page and as a picture; empty:
	// none.
	html, svg string

	// draw says that --coverage draws a map.
	draw bool
	json bool
	// color is "auto", "always" or "never"; see [options.colored].
	color          string
	verbose, quiet bool
	noKernel       bool

	shell  string // --completion
	schema string // --schema
	help   bool
	about  bool // --version
	man    bool // --man
}

// packet is what the flags say about the packet. Devices are names as given by the
// user.
type packet struct {
	from          optional[netip.Addr] // without a zone
	iif, oif, vrf optional[string]
	mark          optional[uint32]
	tos           optional[uint8] // the whole octet
	uid           optional[uint32]
	proto         optional[uint8]
	sport, dport  optional[uint16]
	flowLabel     optional[uint32]
}

// optional is a value that the user may not have given. In that case it is zero.
type optional[T any] struct {
	value T
	given bool
}

func (o *optional[T]) set(v T) { *o = optional[T]{v, true} }

// colored reports whether to colour the output. NO_COLOR (no-colour.org) and a dumb
// terminal matter only if the user did not ask for colour.
func (o *options) colored(s stdio) bool {
	if o.color != "auto" {
		return o.color == "always"
	}
	return s.StdoutTTY && s.env("NO_COLOR") == "" && s.env("TERM") != "dumb"
}

// flagSet declares every flag. The usage strings are for shell completion, because
// --help has its own text.
func (o *options) flagSet(all []mode) *pflag.FlagSet {
	fs := pflag.NewFlagSet("routewhy", pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.SortFlags = false
	for _, m := range all {
		switch m.flag {
		case "":
		case "record":
			fs.Func(m.flag, m.usage, fileFlag(func(s string) { o.record.dir = s }))
		case "history":
			fs.Func(m.flag, m.usage, fileFlag(func(s string) { o.history.path = s }))
		case "batch":
			fs.Func(m.flag, m.usage, fileFlag(func(s string) { o.batch = s }))
		case "expect":
			fs.Func(m.flag, m.usage, fileFlag(func(s string) { o.expect = s }))
		case "why-not":
			fs.Func(m.flag, m.usage, func(s string) error { o.want = s; return nil })
		case "errno":
			fs.Func(m.flag, m.usage, func(s string) error { o.errno = s; return nil })
		case "unlike":
			fs.Func(m.flag, m.usage, func(s string) error { o.other = s; return nil })
		case "explain":
			fs.Func(m.flag, m.usage, func(s string) (err error) { o.checks, err = parseExplained(s); return err })
		case "try":
			fs.Func(m.flag, m.usage, func(s string) error { o.tries = append(o.tries, s); return nil })
		default:
			fs.Bool(m.flag, false, m.usage)
		}
	}
	fs.Func("table", "only this table", textFlag(&o.table, "table"))

	for _, f := range o.packet.flags() {
		fs.Func(f.name, f.usage, f.set)
	}
	fs.BoolVar(&o.reply, "reply", false, "add the way back")
	fs.BoolP("ipv4", "4", false, "IPv4 only")
	fs.BoolP("ipv6", "6", false, "IPv6 only")

	fs.Func("netns", "network namespace", textFlag(&o.netns, "namespace"))
	fs.Func("load", "take the facts from files", fileFlag(func(s string) { o.load = append(o.load, s) }))
	fs.Func("load-limit", "how many MB of memory the files may take", numberFlag(&o.loadLimit, 1, 1<<20))
	fs.BoolVar(&o.strict, "strict", false, "what is not understood in a file is an error")
	fs.Func("save", "write a snapshot of the facts", fileFlag(func(s string) { o.save = s }))
	fs.Func("redact", "replace public addresses in what is saved", wordFlag(&o.redact, redactWords()))
	fs.Lookup("redact").NoOptDefVal = redactPublic
	fs.BoolVar(&o.noKernel, "no-kernel", false, "do not ask the kernel for its own answer")

	fs.Func("metrics", "write what was found as metrics, for Prometheus", fileFlag(func(s string) { o.metrics = s }))
	fs.Lookup("metrics").NoOptDefVal = "-"
	fs.BoolVar(&o.list, "list", false, "list the checks, and make none")
	fs.Func("count", "end after so many changes", numberFlag(&o.watch.count, 1, 1<<31))
	fs.Func("timeout", "end after so many seconds", numberFlag(&o.watch.timeout, 1, 1<<31))
	fs.Func("until", "end when the answer is so: route, default, dev NAME, via GATEWAY, src ADDR, none", untilFlag(&o.watch.until))

	fs.Func("every", "read everything again after so many seconds", numberFlag(&o.every, 1, 24*60*60))
	fs.Func("max-size", "how many MB a record may take", numberFlag(&o.record.maxSize, 1, 1<<20))
	fs.Func("max-age", "how many days a record goes back", numberFlag(&o.record.maxAge, 1, 10000))
	fs.Func("at", "explain as of a time: 02:13, 'yesterday 02:13', -10m", momentFlag(&o.history.at))
	fs.Func("since", "changes since a time: 02:13, 'yesterday 02:13', -10m", momentFlag(&o.history.since))
	fs.BoolVar(&o.history.who, "who", false, "sum up which processes asked for the changes")

	fs.BoolVar(&o.undo, "undo", false, "print the commands that take a change back")
	fs.Func("script", "print a script that makes a change, and takes it back after so many seconds", numberFlag(&o.script, 1, 24*60*60))

	fs.Func("junit", "report expectations in a file for CI", fileFlag(func(s string) { o.junit = s }))
	fs.Func("html", "write the answer as a page too", fileFlag(func(s string) { o.html = s }))
	fs.BoolVar(&o.draw, "map", false, "with --coverage: draw a map")
	fs.Func("svg", "draw the answer as a picture too", fileFlag(func(s string) { o.svg = s }))
	fs.BoolVar(&o.json, "json", false, "print JSON")
	o.color = "auto"
	fs.Func("color", "colour the output", wordFlag(&o.color, colorWords()))
	fs.BoolVarP(&o.verbose, "verbose", "v", false, "print more")
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "print the verdict alone")

	fs.BoolVarP(&o.help, "help", "h", false, "print the usage")
	fs.BoolVar(&o.about, "version", false, "print the version")
	fs.BoolVar(&o.man, "man", false, "print the manual page")
	fs.Func("schema", "print the JSON Schema of an output", func(s string) error { return wordFlag(&o.schema, schema.Names())(s) })
	fs.Func("completion", "print a completion script", wordFlag(&o.shell, slices.Concat(shells(), completionLists())))
	return fs
}

// parseArgs understands a command line. Every error is a usage error.
func parseArgs(args []string) (*options, error) {
	o := new(options)
	all := modes()
	fs := o.flagSet(all)
	if err := fs.Parse(joinedValues(args)); err != nil {
		return nil, flagError(fs, err)
	}
	if o.help || o.about || o.man || o.shell != "" || o.schema != "" {
		o.run = printAbout
		return o, nil
	}
	m, err := chooseMode(fs, all)
	if err != nil {
		return nil, err
	}
	o.run = m.run
	if err := m.checkFlags(fs, all); err != nil {
		return nil, err
	}
	if o.verbose && o.quiet {
		return nil, usagef("-v and -q exclude each other")
	}
	if m.destinations && !m.mayBeNone && fs.NArg() == 0 {
		if err := o.swallowed(fs); err != nil {
			return nil, err
		}
	}
	if o.save != "" && m.flag == "" && fs.NArg() == 0 {
		o.run = saveOnly
	} else if err := o.parseDestinations(m, fs.Args()); err != nil {
		return nil, err
	}
	if err := o.checkIdle(m, fs); err != nil {
		return nil, err
	}
	return o, o.check(fs)
}

// parseDestinations understands the arguments.
func (o *options) parseDestinations(m *mode, args []string) error {
	if m.snapshots {
		o.sources = args
		return o.checkSnapshots()
	}
	if m.sources {
		if len(args) != 2 {
			return usagef("%s needs two snapshots, but there are %d", m, len(args)).
				hint("routewhy --diff OLD NEW; live is the running host")
		}
		o.sources = args
		return nil
	}
	if m.sockets && len(args) > 0 {
		var err error
		o.wanted, err = parseWanted(args)
		return err
	}
	if m.checks {
		var err error
		o.checks, err = parseChecks(args)
		return err
	}
	if m.tries && len(args) == 0 {
		return nil
	}
	if !m.destinations && !m.tries && len(args) > 0 {
		return usagef("%s takes no DESTINATION, but there is %s", m, iproute2.Quote(args[0]))
	}
	if m.mayBeNone && len(args) == 0 {
		return nil
	}
	if m.destinations && len(args) == 0 {
		if m.flag != "" {
			return usagef("no DESTINATION").hint("routewhy 8.8.8.8 %s ... asks it about one", m)
		}
		return usagef("no DESTINATION").
			hint("routewhy 8.8.8.8 explains one; routewhy --help tells the rest")
	}
	if o.redact == redactPublic && slices.Contains(args, redactStrict) {
		return usagef("--redact and strict are two words").hint("--redact=strict is one")
	}
	if m.tries {
		if err := o.notQuoted(args); err != nil {
			return err
		}
	}
	if err := likeIPRoute(args); err != nil {
		return err
	}
	for i, arg := range args {
		if err := portApart(args, i); err != nil {
			return err
		}
		d, err := parseDestination(arg)
		if err != nil {
			return err
		}
		o.destinations = append(o.destinations, d)
	}
	return nil
}

// printAbout prints the output of --help, --version, --man, --schema and --completion.
func printAbout(ctx context.Context, o *options, s stdio) error {
	switch {
	case o.help:
		io.WriteString(s.Stdout, usageText)
	case o.about:
		fmt.Fprintln(s.Stdout, programVersion())
	case o.man:
		io.WriteString(s.Stdout, manualPage())
	case o.schema != "":
		all, _ := schema.Of(o.schema)
		io.WriteString(s.Stdout, all)
	case slices.Contains(completionLists(), o.shell):
		return printList(ctx, o, s)
	default:
		io.WriteString(s.Stdout, completion(o.shell, o.flagSet(modes())))
	}
	return nil
}

// flagError puts an error of pflag into our words, and names the flag that the user
// probably meant.
func flagError(fs *pflag.FlagSet, err error) error {
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	var syntax *pflag.InvalidSyntaxError
	switch {
	case errors.As(err, &unknown):
		return unknownFlag(fs, unknown)
	case errors.As(err, &missing):
		err := usagef("%s needs a value", flagName(missing.GetFlag()))
		if missing.GetFlag().Name == "why-not" {
			return err.hint("%s", wantHint)
		}
		if value := placeholder(missing.GetFlag().Name); value != "" {
			return err.hint("--%s %s", missing.GetFlag().Name, value)
		}
		return err
	case errors.As(err, &invalid):
		return invalidValue(invalid)
	case errors.As(err, &syntax):
		return usagef("%s is no flag", iproute2.Quote(syntax.GetSpecifiedFlag()))
	}
	return usagef("%w", err)
}

// placeholder is what --help has for a flag's value: "ADDR"; empty: it has none.
func placeholder(flag string) string {
	for _, after := range strings.Split(usageText, " --"+flag+" ")[1:] {
		value := strings.TrimRight(strings.Fields(after)[0], ",:;.")
		if value == strings.ToUpper(value) && value != strings.ToLower(value) && !strings.ContainsAny(value, "0123456789") {
			return value
		}
	}
	return ""
}

func unknownFlag(fs *pflag.FlagSet, e *pflag.NotExistError) error {
	name, dash := e.GetSpecifiedName(), "--"
	if shorts := e.GetSpecifiedShortnames(); shorts != "" {
		name, _, _ = strings.Cut(shorts, "=")
		dash = "-"
	}
	err := usagef("unknown flag %s", unquoted(dash+name))
	if slices.Contains([]string{"to", "dst", "dest", "destination", "host"}, name) {
		return err.hint("a DESTINATION needs no flag: routewhy 8.8.8.8")
	}
	if near := nearestFlag(fs, name); near != "" {
		return err.hint("did you mean --%s?", near)
	}
	return err.hint("routewhy --help lists the flags")
}

func invalidValue(e *pflag.InvalidValueError) error {
	name := flagName(e.GetFlag())
	if e.GetFlag().NoOptDefVal == "true" {
		return usagef("%s takes no value, but there is %s", name, iproute2.Quote(e.GetValue()))
	}
	return usagef("%s: %w", name, errors.Unwrap(e))
}

// flagName is how a flag is written; -4 and -6 are known by their short form.
func flagName(f *pflag.Flag) string {
	if f.Name == "ipv4" || f.Name == "ipv6" {
		return "-" + f.Shorthand
	}
	return "--" + f.Name
}

// unquoted is text from outside. Plain text is not quoted, other text is.
func unquoted(s string) string {
	if q := iproute2.Quote(s); q != `"`+s+`"` {
		return q
	}
	return s
}
