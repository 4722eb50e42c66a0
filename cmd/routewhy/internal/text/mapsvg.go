package text

import (
	"fmt"
	"io"

	"routewhy/lookup"
	"routewhy/lookup/report"
)

// MapPicture draws coverages as SVG, one below the other, each with a table: IPv4 along a
// Hilbert curve, IPv6 as prefixes in prefixes. Each must have a map.
func MapPicture(w io.Writer, all []*report.Coverage) error {
	c := &canvas{y: margin}
	title := "routewhy"
	for i, r := range all {
		if i == 0 {
			title = covered{r}.headline()
		} else {
			c.y += 2 * margin
		}
		c.coverage(covered{r})
	}
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%[2]d" role="img">
<title>%s</title>
<style>%s%s</style>
<rect class="ground" width="100%%" height="100%%"/>
%s</svg>
`, pictureWidth, c.y+margin, xmlText(title), pictureStyle, mapStyle, c.b.String())
	return err
}

// mapStyle has a colour for each of the ways that a table names, for those without a route (n)
// and for all others (o).
const mapStyle = `
.w0{fill:#8ab4e8}.w1{fill:#f2b56b}.w2{fill:#8fce9b}.w3{fill:#e59aa5}.w4{fill:#c3a6e0}
.w5{fill:#e8d56f}.w6{fill:#7fcfd0}.w7{fill:#c9a98c}.w8{fill:#f0a6d0}.w9{fill:#b3c46c}.n{fill:#eceff2}.o{fill:#9aa3ad}
.edge{fill:none;stroke:#57606a;stroke-width:.5}.block{fill:none;stroke:#1f2328;stroke-width:1}
.cell{font-size:10px;fill:#1f2328}
@media (prefers-color-scheme:dark){.block{stroke:#e6edf3}.n{fill:#3d444d}
.n-cell{fill:#e6edf3}}
@media print{.block{stroke:#1f2328}.n{fill:#eceff2}.n-cell{fill:#1f2328}}
`

// wayClass is the colour of a way.
func (v covered) wayClass(way int) string {
	switch {
	case v.Ways.At(way).Disposition == lookup.DispositionNoRoute:
		return "n"
	case way >= maxCovered:
		return "o"
	}
	return fmt.Sprintf("w%d", way)
}

const (
	octetSide = 28                                // of a /8 on the map, in pixels
	cellSide  = octetSide / (1 << cellOrder)      // of a /12
	cellOrder = (report.MapBits - 8) / 2          // a /8 has as many rows and columns of cells, as a power of two
	mapPixels = octetSide * mapSide               // of the whole map
	keyColumn = margin + mapPixels + 2*margin     // where the table begins
	keyWide   = pictureWidth - keyColumn - margin // of the table
)

func (c *canvas) coverage(v covered) {
	for _, l := range fitted(v.headline(), columnsOf(pictureWidth-2*margin)) {
		c.text(margin, c.y+13, "head", l)
		c.y += lineHeight
	}
	c.y += 8
	if len(v.Map.Cells) == 0 {
		c.prefixes(v)
		c.y += 8
		c.key(v, margin, pictureWidth-2*margin)
		return
	}
	top := c.y
	c.cells(v)
	c.key(v, keyColumn, keyWide)
	c.y = max(c.y, top+mapPixels)
	c.y += lineHeight
	c.text(margin, c.y, "label", "A square is a /8, with its first octet, along a Hilbert curve; a small square is a /12.")
}

// cells draws the map of IPv4. Neighbours in a row that go the same way are one rectangle.
func (c *canvas) cells(v covered) {
	const side = mapSide << cellOrder
	var ways [side][side]int
	n := 0
	for _, cell := range v.Map.Cells {
		for end := n + 1<<(report.MapBits-cell.Dst.Bits()); n < end; n++ {
			x, y := hilbertAt(side, n)
			ways[y][x] = cell.Ways[0].Way
		}
	}
	for y := range side {
		for x := 0; x < side; {
			end := x
			for end < side && v.wayClass(ways[y][end]) == v.wayClass(ways[y][x]) {
				end++
			}
			fmt.Fprintf(&c.b, `<rect class="%s" x="%d" y="%d" width="%d" height="%d"/>`+"\n",
				v.wayClass(ways[y][x]), margin+x*cellSide, c.y+y*cellSide, (end-x)*cellSide, cellSide)
			x = end
		}
	}
	for n, parts := range v.octets() {
		x, y := hilbertAt(mapSide, n)
		left, top := margin+x*octetSide, c.y+y*octetSide
		class := "cell"
		if v.wayClass(parts[0].Way) == "n" {
			class = "cell n-cell"
		}
		fmt.Fprintf(&c.b, `<rect class="edge" x="%d" y="%d" width="%d" height="%[3]d"/>`+"\n", left, top, octetSide)
		c.text(left+2, top+11, class, fmt.Sprint(n))
		c.text(left+2, top+24, class, v.markOf(parts[0].Way, false))
	}
	for y := 0; y < mapSide; y += mapBlock {
		for x := 0; x < mapSide; x += mapBlock {
			fmt.Fprintf(&c.b, `<rect class="block" x="%d" y="%d" width="%d" height="%[3]d"/>`+"\n",
				margin+x*octetSide, c.y+y*octetSide, mapBlock*octetSide)
		}
	}
}

// key draws the table: a square in the colour of each way, its letter, its part and what
// becomes of the packet.
func (c *canvas) key(v covered, left, wide int) {
	columns := columnsOf(wide - lineHeight - padding)
	n := v.mapped(false)
	for i := range n {
		w := v.Ways.At(i)
		c.keyRow(left, columns, v.wayClass(i), fmt.Sprintf("%s  %s  %s", v.wayMark(i), portion(w.Share, w.Size == v.Size, 2), v.becomes(w)))
	}
	if more := v.Ways.Len() - n; more > 0 {
		c.keyRow(left, columns, "o", "*  "+agree(more, "other way", "other ways"))
	}
}

func (c *canvas) keyRow(left, columns int, class, text string) {
	fmt.Fprintf(&c.b, `<rect class="%s" x="%d" y="%d" width="12" height="12"/>`+"\n", class, left, c.y+2)
	for _, l := range fitted(text, columns) {
		c.text(left+lineHeight+2, c.y+13, "about", l)
		c.y += lineHeight
	}
	c.y += 4
}

// prefixes draws the map of IPv6: each prefix is a box, in which the prefixes are that go
// another way.
func (c *canvas) prefixes(v covered) {
	shown := v.nestedShown(maxNestedShown)
	for i := 0; i < len(shown); {
		i = c.prefix(v, shown, i)
	}
	if len(shown) < len(v.Map.Nested) || v.Map.More {
		c.text(margin, c.y+13, "label", "and smaller prefixes")
		c.y += lineHeight
	}
	c.y += padding
}

// prefix draws the prefix at a place of the list and those inside it, and gives the place after
// them.
func (c *canvas) prefix(v covered, all []report.MapPrefix, i int) int {
	const gap = 5
	n := all[i]
	top := c.y
	outside := c.b.String() // the box is drawn before what is in it, and is as high as that
	c.b.Reset()
	class := "cell"
	if v.wayClass(n.Way) == "n" {
		class = "cell n-cell"
	}
	x := margin + n.Depth*step
	c.text(x+padding, c.y+15, class, v.markOf(n.Way, false)+"  "+n.Dst.String())
	c.y += lineHeight + gap
	for i++; i < len(all) && all[i].Depth > n.Depth; {
		i = c.prefix(v, all, i)
	}
	inside := c.b.String()
	c.b.Reset()
	c.b.WriteString(outside)
	fmt.Fprintf(&c.b, `<rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="3"/>`+"\n",
		v.wayClass(n.Way), x, top, pictureWidth-margin-x-n.Depth*padding, c.y-top)
	c.b.WriteString(inside)
	c.y += gap
	return i
}

// columnsOf is how many letters find room in a number of pixels.
func columnsOf(wide int) int { return int(float64(wide) / letterWidth) }
