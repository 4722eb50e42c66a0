package load

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"routewhy/route"
)

// dictionary finds the numbers of tables and protocols by their names.
type dictionary struct {
	// tables are the names of tables that were looked up. invented is how many of them
	// no rt_tables explained.
	tables   map[string]route.Table
	invented int
	// tableNamed and protocolNamed are the names of the snapshot, by name.
	tableNamed    map[string]route.Table
	protocolNamed map[string]route.Protocol
	free          int // no protocol above it is without a name
}

// maxNames is how many tables may have names that are not explained.
const maxNames = 1 << 12

func newDictionary() dictionary {
	n := dictionary{
		tables: map[string]route.Table{}, tableNamed: map[string]route.Table{},
		protocolNamed: map[string]route.Protocol{}, free: math.MaxUint8,
	}
	for p := math.MaxUint8; p >= 0; p-- {
		n.protocolNamed[route.Names{}.Protocol(route.Protocol(p))] = route.Protocol(p)
	}
	return n
}

// nameTable notes that a table has a name.
func (f *facts) nameTable(t route.Table, name string) {
	if old, ok := f.snap.Names.Tables[t]; ok && f.tableNamed[old] == t {
		delete(f.tableNamed, old)
	}
	f.snap.Names.Tables[t], f.tableNamed[name] = name, t
}

// nameProtocol notes that a protocol has a name.
func (f *facts) nameProtocol(p route.Protocol, name string) {
	if old := f.snap.Names.Protocol(p); f.protocolNamed[old] == p {
		delete(f.protocolNamed, old)
	}
	f.snap.Names.Protocols[p], f.protocolNamed[name] = name, p
}

// table is a table's number by its name or number.
func (f *facts) table(name string) (route.Table, error) {
	if name == "" {
		return route.TableMain, nil
	}
	if t, ok := f.tables[name]; ok {
		return t, nil
	}
	t, ok := f.tableByName(name)
	switch {
	case ok:
		if len(f.tables) < maxNames {
			f.tables[strings.Clone(name)] = t
		}
		return t, nil
	case !plainName(name):
		return 0, fmt.Errorf("table %q", name)
	case f.invented == maxNames:
		return 0, fmt.Errorf("table %q: more than %d names", name, maxNames)
	}
	t, name = f.invent(), strings.Clone(name)
	f.tables[name] = t
	f.nameTable(t, name)
	return t, nil
}

// tableByName is the same as [route.Names.TableByName], without a search through all
// names.
func (f *facts) tableByName(name string) (route.Table, bool) {
	if t, ok := f.tableNamed[name]; ok {
		return t, true
	}
	t, ok := route.Names{}.TableByName(name)
	switch t {
	case route.TableDefault, route.TableMain, route.TableLocal:
		_, renamed := f.snap.Names.Tables[t]
		ok = ok && (!renamed || name[0] <= '9') // the number stays
	}
	return t, ok
}

// firstInvented is the first of the numbers that probably nobody uses.
const firstInvented = route.FirstInvented

func (f *facts) invent() route.Table {
	f.invented++
	return firstInvented + route.Table(f.invented-1)
}

// protocol is a protocol's number by its name or number.
func (f *facts) protocol(name string) (route.Protocol, error) {
	if p, ok := f.protocolNamed[name]; ok {
		return p, nil
	}
	if n, err := strconv.ParseUint(name, 0, 8); err == nil {
		return route.Protocol(n), nil
	}
	for f.free >= 0 && f.snap.Names.Protocol(route.Protocol(f.free)) != strconv.Itoa(f.free) {
		f.free--
	}
	if f.free < 0 || !plainName(name) {
		return 0, fmt.Errorf("protocol %q", name)
	}
	p := route.Protocol(f.free)
	f.nameProtocol(p, strings.Clone(name))
	return p, nil
}

// plainName reports whether a word can be somebody's name for a number. rt_tables may
// have any word as a name, such as 4g or eth0.20, but an address is never a name.
func plainName(s string) bool {
	if _, _, isAddress := destination(s); isAddress {
		return false
	}
	return s != "" && len(s) < 64 && !strings.ContainsAny(s, " \t/:\"'*<>()[]{}\x00\x1b") && strings.Trim(s, "0123456789-") != ""
}
