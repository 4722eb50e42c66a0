package routetest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"routewhy/route"
)

// Attributes of linux/fib_rules.h that package unix does not have yet.
const (
	fraDSCP          = 25
	fraFlowLabel     = 26
	fraFlowLabelMask = 27
	fraSportMask     = 28
	fraDportMask     = 29
	fraDSCPMask      = 30
)

// addRule makes a rule as `ip rule add` would. If the kernel does not know one
// of the attributes, it ignores it. Then addRule deletes the rule again.
func (ns *Namespace) addRule(r *route.Rule) error {
	c, body, err := ruleRequest(r)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetOption(netlink.ExtendedAcknowledge, true) // only for the error's text
	flags := netlink.Request | netlink.Acknowledge | netlink.Create | netlink.Excl
	_, err = c.Execute(netlink.Message{Header: netlink.Header{Type: unix.RTM_NEWRULE, Flags: flags}, Data: body})
	if err != nil {
		return err
	}
	known, err := knowsRule(c, body)
	if err != nil || known {
		return err
	}
	flags = netlink.Request | netlink.Acknowledge
	_, err = c.Execute(netlink.Message{Header: netlink.Header{Type: unix.RTM_DELRULE, Flags: flags}, Data: body})
	return errors.Join(errors.New("this kernel does not know such rules"), err)
}

// deleteRule deletes a rule as `ip rule del` would.
func (ns *Namespace) deleteRule(r *route.Rule) error {
	c, body, err := ruleRequest(r)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Execute(netlink.Message{Header: netlink.Header{Type: unix.RTM_DELRULE, Flags: netlink.Request | netlink.Acknowledge}, Data: body})
	return err
}

// ruleRequest opens a netlink socket, and encodes a rule for it.
func ruleRequest(r *route.Rule) (*netlink.Conn, []byte, error) {
	body, err := encodeRule(r)
	if err != nil {
		return nil, nil, err
	}
	c, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	return c, body, err
}

// knowsRule reports whether a rule of the same priority has all of the attributes
// that kernels have had only since 6.13.
func knowsRule(c *netlink.Conn, body []byte) (bool, error) {
	want := attrs(body[unix.SizeofRtMsg:])
	msgs, err := dump(c, unix.RTM_GETRULE, append([]byte{body[0]}, make([]byte, unix.SizeofRtMsg-1)...))
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(msgs, func(m netlink.Message) bool {
		got := attrs(m.Data[unix.SizeofRtMsg:])
		for typ := range want {
			if _, has := got[typ]; !has && typ >= fraDSCP {
				return false
			}
		}
		return bytes.Equal(got[unix.FRA_PRIORITY], want[unix.FRA_PRIORITY]) || binary.NativeEndian.Uint32(want[unix.FRA_PRIORITY]) == 0
	}), nil
}

// encodeRule makes a struct fib_rule_hdr and its attributes.
func encodeRule(r *route.Rule) ([]byte, error) {
	s := &r.Selector
	h := make([]byte, unix.SizeofRtMsg) // both headers have this size
	h[0] = unix.AF_INET
	if r.Family == route.IPv6 {
		h[0] = unix.AF_INET6
	}
	h[7] = byte(r.Action)
	if s.Not {
		h[8] = unix.FIB_RULE_INVERT
	}
	e := netlink.NewAttributeEncoder()
	h[1] = encodePrefix(e, unix.FRA_DST, s.Dst)
	h[2] = encodePrefix(e, unix.FRA_SRC, s.Src)
	encodeSelector(e, s)
	e.Uint32(unix.FRA_PRIORITY, r.Priority)
	switch r.Action {
	case route.ActionTable:
		e.Uint32(unix.FRA_TABLE, uint32(r.Table))
	case route.ActionGoto:
		e.Uint32(unix.FRA_GOTO, r.Goto)
	}
	attrs, err := e.Encode()
	if err != nil {
		return nil, fmt.Errorf("encode rule: %w", err)
	}
	return append(h, attrs...), nil
}

func encodePrefix(e *netlink.AttributeEncoder, typ uint16, p netip.Prefix) byte {
	if !p.IsValid() {
		return 0
	}
	if p.Bits() > 0 {
		e.Bytes(typ, p.Addr().AsSlice())
	}
	return byte(p.Bits())
}

func encodeSelector(e *netlink.AttributeEncoder, s *route.Selector) {
	if s.MarkMask != 0 {
		e.Uint32(unix.FRA_FWMARK, s.Mark)
		e.Uint32(unix.FRA_FWMASK, s.MarkMask)
	}
	if s.Proto != 0 {
		e.Uint8(unix.FRA_IP_PROTO, s.Proto)
	}
	encodePort(e, unix.FRA_SPORT_RANGE, fraSportMask, s.SrcPort)
	encodePort(e, unix.FRA_DPORT_RANGE, fraDportMask, s.DstPort)
	if s.HasDSCP {
		e.Uint8(fraDSCP, s.DSCP)
		if s.DSCPMask != 0x3f {
			e.Uint8(fraDSCPMask, s.DSCPMask)
		}
	}
	if s.FlowLabelMask != 0 {
		e.Bytes(fraFlowLabel, binary.BigEndian.AppendUint32(nil, s.FlowLabel))
		e.Bytes(fraFlowLabelMask, binary.BigEndian.AppendUint32(nil, s.FlowLabelMask))
	}
}

func encodePort(e *netlink.AttributeEncoder, typ, maskType uint16, p route.PortRange) {
	if p == (route.PortRange{}) {
		return
	}
	// struct fib_rule_port_range, in the machine's byte order
	e.Bytes(typ, binary.NativeEndian.AppendUint16(binary.NativeEndian.AppendUint16(nil, p.Start), p.End))
	if p.Mask != 0 {
		e.Uint16(maskType, p.Mask)
	}
}
