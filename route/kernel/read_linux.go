package kernel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"routewhy/route"
)

// maxReadings limits how often tables that keep changing are read.
const maxReadings = 3

// Read takes a snapshot of the namespace. If the kernel or the file system
// refuses to show something, that becomes a gap of the snapshot, and reading goes
// on. Read itself fails only if ctx ends, w.Each fails, or no netlink socket can
// be opened.
//
// If tables change while they are read, Read reads them again, at most three times in
// all. During a [Host.Watch] it reads them only once, and the caller decides.
func (h *Host) Read(ctx context.Context, w route.Query) (*route.Snapshot, error) {
	h.dumpMu.Lock()
	defer h.dumpMu.Unlock()
	r, err := h.readTables(ctx, &w)
	if err != nil {
		return nil, err
	}
	s := r.snap
	if w.Family != route.IPv6 {
		s.Merged = h.merged(ctx, s)
	}
	if w.Family != route.IPv4 {
		h.addImplied(ctx, r)
	}
	if w.AllDevices || len(w.Devices) > 0 {
		h.readMemberships(s, w.Family)
	}
	s.Sysctls = route.Sysctls{}
	r.addDeviceSettings()
	h.readSysctls(s, &w)
	if s.Names, err = readNames(h.names); err != nil {
		s.Gaps = append(s.Gaps, route.Gap{Fact: route.FactNames, Why: why(err)})
	}
	if err := h.readSockets(ctx, s, &w); err != nil {
		return nil, err
	}
	if w.Policies {
		if err := h.readPolicies(ctx, s); err != nil {
			return nil, err
		}
	}
	if w.Redirects {
		if err := h.readRedirects(ctx, s, &w); err != nil {
			return nil, err
		}
	}
	marks := w.AllMarkers || w.Markers && s.AsksForMark()
	if w.WireGuard || marks {
		if err := h.readWireGuard(ctx, s); err != nil {
			return nil, err
		}
	}
	if marks {
		if err := h.readMarkers(ctx, s); err != nil {
			return nil, err
		}
	}
	s.Host, s.Machine, s.Release = uname()
	s.Modules = loadsModules()
	s.Time = time.Now()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return s, nil
}

// loadsModules reports whether the kernel was built with modules (CONFIG_MODULES).
func loadsModules() route.Tristate {
	switch _, err := os.Stat("/proc/modules"); {
	case err == nil:
		return route.Yes
	case errors.Is(err, fs.ErrNotExist):
		return route.No
	}
	return route.Unknown
}

// uname is uname -n, -m and -r.
func uname() (host, machine, release string) {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "", "", ""
	}
	return unix.ByteSliceToString(u.Nodename[:]), unix.ByteSliceToString(u.Machine[:]), unix.ByteSliceToString(u.Release[:])
}

// readTables reads what netlink dumps. It repeats that until nothing changed during a
// reading, or until it may not read again.
func (h *Host) readTables(ctx context.Context, w *route.Query) (*reader, error) {
	if h.watch != nil {
		return h.readOnce(ctx, w, h.watch)
	}
	for i := 1; ; i++ {
		watch := h.listen(w)
		r, err := h.readOnce(ctx, w, watch)
		watch.close()
		if err != nil || !watch.changed {
			return r, err
		}
		if i == maxReadings || w.Each != nil && w.Again == nil {
			r.snap.Changed = true
			return r, nil
		}
		if w.Again != nil {
			w.Again()
		}
	}
}

// readOnce reads the tables once.
func (h *Host) readOnce(ctx context.Context, w *route.Query, watch *watcher) (*reader, error) {
	r := &reader{ctx: ctx, host: h, want: w, snap: &route.Snapshot{}}
	if err := r.read(); err != nil {
		return nil, err
	}
	watch.afterDump(r)
	return r, nil
}

// reader reads the tables once.
type reader struct {
	ctx  context.Context
	host *Host
	want *route.Query
	snap *route.Snapshot

	kept        pages[route.Route]
	interrupted bool             // a dump was interrupted (NLM_F_DUMP_INTR)
	confs       map[int]linkConf // by the index of the device
	links       map[int]bool     // that a kept route or its next-hop object names
	objects     map[uint32]bool
	samples     samples
	defaults    []default6 // of IPv6, once they are needed
	lladdrs     map[neighbourKey]hardware
}

// stop is an error that ends the reading. A message that is not understood does not
// end it.
type stop struct{ error }

func (s stop) Unwrap() error { return s.error }

// read sends the dump requests in the order in which a change between two of them
// does least harm: things are read before other things that refer to them.
func (r *reader) read() error {
	r.links, r.objects = map[int]bool{}, map[uint32]bool{}
	steps := []func() error{r.readLinks}
	if !r.want.NoRoutes {
		steps = append(steps, r.readNextHops)
	}
	for _, f := range r.want.Families() {
		steps = append(steps,
			func() error { return r.readAddrs(f) },
			func() error { return r.readOrder(f) },
			func() error { return r.readRules(f) })
		if !r.want.NoRoutes {
			steps = append(steps, func() error { return r.readRoutes(f) })
		}
		if !r.want.NoNeighbours {
			steps = append(steps, func() error { return r.readNeighbours(f) })
		}
	}
	if !r.want.NoNeighbours {
		steps = append(steps, r.readPorts)
	}
	if r.want.Family != route.IPv4 {
		steps = append(steps, r.readLabels)
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	r.snap.Routes = slices.Concat(r.kept.full...)
	return nil
}

// query is one dump request, and the type of the messages that answer it.
type query struct {
	fact   route.Fact
	family route.Family
	get    uint16
	answer uint16
	af     uint8 // in place of the family; zero: the family's
	size   int   // of the header that the request starts with
	attrs  []byte
}

// dump calls take for each message of one dump. Refusals, and messages that take
// does not understand, become gaps. If the error that dump returns is a *refusal,
// it may be ignored; other errors may not.
func (r *reader) dump(q query, take func(msg []byte) error) error {
	s, err := r.host.dumpSocket()
	if err != nil {
		return err
	}
	body := make([]byte, q.size, q.size+len(q.attrs))
	body[0] = max(q.af, afOf(q.family))
	faults := 0
	var fault error
	interrupted, err := s.dump(r.ctx, q.get, append(body, q.attrs...), func(typ uint16, msg []byte) error {
		// A kernel without IPv6 answers a request for IPv6 with what IPv4 has.
		if typ != q.answer || len(msg) == 0 || q.family != 0 && msg[0] != body[0] {
			return nil
		}
		err := take(msg)
		if err == nil {
			return nil
		}
		if halt := (stop{}); errors.As(err, &halt) {
			return err
		}
		if faults++; fault == nil {
			fault = err
		}
		return nil
	})
	r.interrupted = r.interrupted || interrupted
	if faults > 0 {
		r.gap(q, fmt.Sprintf("%d not understood, the first: %v", faults, fault))
	}
	return r.outcome(q, err)
}

// outcome decides which of a dump's errors become gaps.
func (r *reader) outcome(q query, err error) error {
	var end stop
	var refused *refusal
	switch {
	case err == nil:
		return nil
	case errors.As(err, &end):
		return end.error
	case r.ctx.Err() != nil:
		return err
	case errors.As(err, &refused) && (isAbsent(refused) || refused.errno == unix.ENOENT && r.want.Table != 0):
		return refused
	}
	r.gap(q, why(err))
	return nil
}

// isAbsent says that the kernel does not know what was asked for.
func isAbsent(e *refusal) bool {
	return e.errno == unix.EOPNOTSUPP || e.errno == unix.EAFNOSUPPORT
}

// ignoreAbsent drops a refusal, because what the kernel does not know is not there.
func ignoreAbsent(err error) error {
	var refused *refusal
	if errors.As(err, &refused) {
		return nil
	}
	return err
}

func (r *reader) gap(q query, why string) {
	r.snap.Gaps = append(r.snap.Gaps, route.Gap{Fact: q.fact, Family: q.family, Why: why})
}

func (r *reader) readLinks() error {
	q := query{
		fact: route.FactLinks, get: unix.RTM_GETLINK, answer: unix.RTM_NEWLINK, size: sizeofIfInfomsg,
		attrs: appendAttr32(nil, iflaExtMask, extMaskSkipStats),
	}
	r.confs = map[int]linkConf{}
	err := r.dump(q, func(msg []byte) error {
		l, err := decodeLink(msg)
		if err != nil {
			return err
		}
		conf, err := decodeLinkConf(msg)
		r.snap.Links = append(r.snap.Links, l)
		r.confs[l.Index] = conf
		return err
	})
	r.snap.SortLinks()
	return ignoreAbsent(err)
}

func (r *reader) readAddrs(f route.Family) error {
	q := query{fact: route.FactAddrs, family: f, get: unix.RTM_GETADDR, answer: unix.RTM_NEWADDR, size: sizeofIfAddrmsg}
	return ignoreAbsent(r.dump(q, collect(&r.snap.Addrs, decodeAddr)))
}

func (r *reader) readNeighbours(f route.Family) error {
	q := query{fact: route.FactNeighbours, family: f, get: unix.RTM_GETNEIGH, answer: unix.RTM_NEWNEIGH, size: sizeofNdMsg}
	take := collect(&r.snap.Neighbours, decodeNeighbour)
	return ignoreAbsent(r.dump(q, func(msg []byte) error {
		err := take(msg)
		if err == nil && r.want.AllDevices {
			r.hear(msg)
		}
		return err
	}))
}

// neighbourKey is a neighbour.
type neighbourKey struct {
	link int
	addr netip.Addr
}

// hear notes the hardware address of the last neighbour.
func (r *reader) hear(msg []byte) {
	n := &r.snap.Neighbours[len(r.snap.Neighbours)-1]
	a := attrs{rest: msg[sizeofNdMsg:]}
	for a.next() {
		if a.typ == unix.NDA_LLADDR && len(a.data) == len(hardware{}) {
			if r.lladdrs == nil {
				r.lladdrs = map[neighbourKey]hardware{}
			}
			r.lladdrs[neighbourKey{n.Link, n.Addr}] = hardware(a.data)
		}
	}
}

func (r *reader) readLabels() error {
	q := query{fact: route.FactLabels, family: route.IPv6, get: unix.RTM_GETADDRLABEL, answer: unix.RTM_NEWADDRLABEL, size: sizeofIfAddrLblMsg}
	return ignoreAbsent(r.dump(q, collect(&r.snap.Labels, decodeLabel)))
}

// readRules reads a family's rules. A kernel that was built without them refuses
// the request: with EOPNOTSUPP, or with EAFNOSUPPORT if the other family has rules.
func (r *reader) readRules(f route.Family) error {
	q := query{fact: route.FactRules, family: f, get: unix.RTM_GETRULE, answer: unix.RTM_NEWRULE, size: sizeofFibRuleHdr}
	err := r.dump(q, collect(&r.snap.Rules, decodeRule))
	var refused *refusal
	if errors.As(err, &refused) {
		if f == route.IPv4 {
			r.snap.NoRules4 = true
		} else {
			r.snap.NoRules6 = true
		}
		return nil
	}
	return err
}

func (r *reader) readNextHops() error {
	q := query{fact: route.FactNextHops, get: unix.RTM_GETNEXTHOP, answer: unix.RTM_NEWNEXTHOP, size: sizeofNhMsg}
	return ignoreAbsent(r.dump(q, collect(&r.snap.NextHops, decodeNextHop)))
}

func (r *reader) readRoutes(f route.Family) error {
	q := query{fact: route.FactRoutes, family: f, get: unix.RTM_GETROUTE, answer: unix.RTM_NEWROUTE, size: sizeofRtMsg}
	if r.want.Table != 0 {
		q.attrs = appendAttr32(nil, rtaTable, uint32(r.want.Table))
	}
	d := routeDecoder{passing: r.want.Each != nil}
	one := new(route.Route)
	return ignoreAbsent(r.dump(q, func(msg []byte) error {
		h, err := peekRoute(msg)
		if err != nil {
			return err
		}
		r.samples.add(h, msg)
		if !keeps(r.want, h) {
			return nil
		}
		known, err := d.next(one, msg, h)
		if err != nil {
			return err
		}
		if one.IsDefault() && one.LooksAdvertised() && r.byProgram(one) {
			one.Flags |= route.FlagByProgram
		}
		if !known {
			r.note(one)
		}
		if r.want.Each == nil {
			r.kept.add(one)
			return nil
		}
		if err := r.want.Each(one); err != nil {
			return stop{err}
		}
		return nil
	}))
}

// pages collects very many values. If they were appended to a slice, each would be
// copied several times, and the garbage collector would have to free the old slices.
type pages[T any] struct{ full [][]T }

// pageSize is how many values a page has, except for the first few pages.
const pageSize = 1024

func (p *pages[T]) add(v *T) {
	n := len(p.full) - 1
	if n < 0 || len(p.full[n]) == cap(p.full[n]) {
		p.full = append(p.full, make([]T, 0, pageSize>>max(0, 6-len(p.full))))
		n++
	}
	p.full[n] = append(p.full[n], *v)
}

// note remembers which devices a kept route may lead to.
func (r *reader) note(kept *route.Route) {
	for _, hop := range kept.NextHops {
		r.links[hop.Link] = true
	}
	if kept.NextHopID != 0 {
		r.objects[kept.NextHopID] = true
	}
}

// collect returns a function that decodes a message and appends the result.
func collect[T any](into *[]T, decode func([]byte) (T, error)) func([]byte) error {
	return func(msg []byte) error {
		v, err := decode(msg)
		if err == nil {
			*into = append(*into, v)
		}
		return err
	}
}

// addDeviceSettings adds the settings of those devices whose settings are wanted.
func (r *reader) addDeviceSettings() {
	r.links[route.LoopbackIndex] = true
	for _, o := range r.snap.NextHops {
		for _, m := range o.Group {
			if r.objects[o.ID] {
				r.objects[m.ID] = true
			}
		}
	}
	for _, o := range r.snap.NextHops {
		if r.objects[o.ID] {
			r.links[o.NextHop.Link] = true
		}
	}
	for _, l := range r.snap.Links {
		conf := r.confs[l.Index]
		if !r.want.AllDevices && !r.links[l.Index] && !conf.off6() && !slices.Contains(r.want.Devices, l.Name) && !r.ruled(l.Name) {
			continue
		}
		for _, f := range r.want.Families() {
			settingsOf(f).addDevice(r.snap.Sysctls, l.Name, conf.of(f))
		}
	}
}

// ruled reports whether a rule names a device.
func (r *reader) ruled(dev string) bool {
	return slices.ContainsFunc(r.snap.Rules, func(u route.Rule) bool {
		return u.Selector.In == dev || u.Selector.Out == dev
	})
}
