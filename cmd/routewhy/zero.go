package main

import (
	"context"

	"routewhy/cmd/routewhy/internal/text"
	"routewhy/route"
)

// isZeroPage says whether a destination asks for the page about the zero
// address: it is one, and nothing was said about a packet.
func (q *questions) isZeroPage(d destination) bool {
	return d.kind == kindZero && q.packet == packet{} && !q.reply
}

// explainZero makes that page.
func (q *questions) explainZero(ctx context.Context, d destination) (*text.Zero, error) {
	look, err := q.explainAddress(ctx, d)
	if err != nil {
		return nil, err
	}
	whole, _, err := readWhole(ctx, q.host, route.Query{Family: d.family(), Sockets: route.Listening, Processes: true})
	if err != nil {
		return nil, err
	}
	return &text.Zero{Explanation: look.Report(), Whole: whole}, nil
}

// statusOfZero is the exit status of the page: its answer is usable whatever a
// look-up of :: itself finds, which nobody makes.
func statusOfZero(z *text.Zero) int {
	if z.Disagreement() != nil {
		return exitDisagree
	}
	if z.Query.Addr().Is4() && z.WayOut != "" {
		return exitNoRoute // lo is down
	}
	return exitOK
}
