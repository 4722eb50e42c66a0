package main

import (
	"context"

	"routewhy/lookup/report"
	"routewhy/route"
)

// isZeroPage reports whether a destination asks for the page about the zero
// address: it is one, and nothing was said about a packet.
func (q *questions) isZeroPage(d destination) bool {
	return d.kind == kindZero && q.packet == packet{} && !q.reply
}

// explainZero makes that page.
func (q *questions) explainZero(ctx context.Context, d destination) (*report.Zero, error) {
	look, err := q.explainAddress(ctx, d)
	if err != nil {
		return nil, err
	}
	whole, _, err := readWhole(ctx, q.host, route.Query{Family: d.family(), Sockets: route.Listening, Processes: true})
	if err != nil {
		return nil, err
	}
	return report.NewZero(look.Report(), whole), nil
}
