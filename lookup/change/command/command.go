package command

import (
	"fmt"
	"slices"
	"strings"

	"routewhy/lookup/change"
	"routewhy/route"
)

// Command is one command as somebody typed it.
type Command struct {
	// Text is the command as given, without blanks around it.
	Text string
	// Words are the words of the command, without quotes, prompts and sudo. The first
	// one is the program's name as it was given.
	Words []string
	// Changes are what the command asks the kernel for, in this order. If the kernel
	// refuses one, the changes after it are not asked for, except by sysctl.
	Changes []change.Change
	// Refusal is what the program says if it sends nothing to the kernel; nil: it
	// does send something. If it is set, Changes are empty.
	Refusal *Refusal
	// Kernel is what the kernel says before anything is changed, as its answer to a
	// listing that comes first. Nil: it says nothing.
	Kernel *change.Refusal
	// Late is what the kernel says to a part of what the command asks for, though it makes
	// the Changes. Nil: nothing. Stay is how many routes are not flushed because of it.
	Late *change.Refusal
	Stay int
	// Missing is a setting that the kernel has not, while others of the command are made;
	// empty: there is none.
	Missing string
	// Unread are the attributes that the command sets and that decide about no packet's way:
	// nothing here reads them.
	Unread []Unread
	// Reads says that the command only shows something.
	Reads bool
	// Get is the packet that `ip route get` asks about; the zero Flow: there is none.
	Get route.Flow
	// Errors says that the program asks with ioctl(2), so that it hears of an error and not
	// of the kernel's words.
	Errors bool
	// Warning is what the program says although it carries out the command.
	Warning string
}

func (c *Command) unread(link int, names ...string) {
	for _, n := range names {
		c.Unread = append(c.Unread, Unread{link, n})
	}
}

// Unread is an attribute of a device that is not read.
type Unread struct {
	// Link is the index of the device.
	Link int
	// Name is the keyword of the attribute.
	Name string
}

// Decides reports whether packets may get through the device or not by the attribute.
func (u *Unread) Decides() bool {
	return slices.Contains(strings.Fields("vlan_filtering vlan_protocol vlan_default_pvid stp_state id protocol loose_binding bridge_binding mode flag "+
		"active_slave primary arp_ip_target min_links fail_over_mac state guard root_block flood isolated vni dev local remote group group6 local6 "+
		"remote6 dstport external noexternal key ikey okey seq iseq oseq csum icsum ocsum encap fwmark"), u.Name)
}

// Optional reports whether a kernel may be built without the attribute, and refuses it then
// (CONFIG_BRIDGE_VLAN_FILTERING, CONFIG_BRIDGE_IGMP_SNOOPING, CONFIG_BRIDGE_NETFILTER,
// CONFIG_VLAN_8021Q_GVRP and CONFIG_VLAN_8021Q_MVRP).
func (u *Unread) Optional() bool {
	return slices.Contains(strings.Fields("vlan_filtering vlan_protocol vlan_default_pvid mcast_snooping mcast_querier "+
		"nf_call_iptables nf_call_ip6tables nf_call_arptables gvrp mvrp"), u.Name)
}

// Refusal is what a program says instead of asking the kernel.
type Refusal struct {
	// By is the program that refuses: ip, route, ifconfig or sysctl.
	By string
	// Message is what the program says, without "Error: " before it.
	Message string
	Place
}

func (r *Refusal) Error() string { return r.By + ": " + r.Message }

// Place is a place in a text: its bytes from Start to End. The two are equal if the
// place is the end of the text, or if the whole text is meant.
type Place struct{ Start, End int }

// SyntaxError is about a command that is not understood.
type SyntaxError struct {
	Text string
	Place
	// Message says what is not understood, and names the word.
	Message string
	// Hint says what to do instead; empty: nothing.
	Hint string
	// Foreign says that the command is one of a program that is not known here.
	Foreign bool
}

func (e *SyntaxError) Error() string { return e.Message }

// maxText is how long a command may be.
const maxText = 64 << 10

// Parse understands a command in a state. The state gives the names of devices and
// tables, and what can be flushed. An error is a [*SyntaxError].
func Parse(line string, s *change.State) (Command, error) {
	return parse(line, s, &Script{})
}

// parse is Parse for a line of a script. A line of `ip -batch` has no program name.
func parse(line string, s *change.State, script *Script) (c Command, err error) {
	batch := script.Batch
	c.Text = strings.TrimSpace(line)
	a := &args{text: c.Text, state: s, snap: s.FIB().Snapshot(), exists: script.Exists}
	defer func() {
		switch fault := recover().(type) {
		case nil:
		case *SyntaxError:
			fault.Text = a.text
			err = fault
		case *Refusal:
			c.Refusal, c.Changes = fault, nil
		default:
			panic(fault)
		}
	}()
	if len(c.Text) > maxText {
		panic(&SyntaxError{Message: fmt.Sprintf("the command has %d bytes, which is too long", len(c.Text))})
	}
	a.words = split(c.Text, batch)
	if batch {
		a.program = "ip"
		c.Words = append(c.Words, "ip")
	}
	for _, w := range a.words {
		c.Words = append(c.Words, w.text)
	}
	if !batch {
		a.takeProgram()
	}
	a.run(&c)
	if c.Kernel == nil {
		c.Kernel = a.lacks
	}
	return c, nil
}

// takeProgram takes the name of the program.
func (a *args) takeProgram() {
	name := a.words[0].text
	a.program = name[strings.LastIndexByte(name, '/')+1:]
	a.at = 1
}

// programs are the programs whose commands are understood.
func programs() []string { return []string{"ip", "route", "ifconfig", "sysctl"} }

// run reads what comes after the program's name.
func (a *args) run(c *Command) {
	switch a.program {
	case "ip":
		a.ip(c)
	case "sysctl":
		a.sysctl(c)
	case "route":
		c.Errors = true
		a.netRoute(c)
	case "ifconfig":
		c.Errors = true
		a.ifconfig(c)
	}
}
