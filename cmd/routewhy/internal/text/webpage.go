package text

import (
	"html"
	"io"
	"regexp"
	"strings"
	"unicode"

	"routewhy/lookup/report"
)

// WebPage is an answer as a page for a browser.
type WebPage struct {
	// Command is what was asked, and By the program and the time.
	Command, By string
	// Heading stands over the answer; empty: the first line of Text does.
	Heading string
	// Text is what was printed, and Facts are the reports as JSON; empty: they are left out.
	Text, Facts string
	// Decisions are those that are drawn, and Maps the coverages that are.
	Decisions []*report.Explanation
	Maps      []*report.Coverage
}

// Write writes the page. It is whole in itself: it needs no script and refers to nothing
// outside.
func (p *WebPage) Write(w io.Writer) error {
	var drawn strings.Builder
	if len(p.Decisions) > 0 {
		if err := Picture(&drawn, p.Decisions); err != nil {
			return err
		}
	}
	title := "The decision"
	if len(p.Maps) > 0 {
		title = "The map"
		if err := MapPicture(&drawn, p.Maps); err != nil {
			return err
		}
	}
	printed := uncoloured(p.Text)
	first, rest, _ := strings.Cut(printed, "\n")
	heading := first
	if p.Heading != "" {
		heading = uncoloured(p.Heading)
	}
	picture, facts := "", ""
	if drawn.Len() > 0 {
		picture = strings.Replace(strings.Replace(webPicture, "PICTURED", title, 1), "PICTURE", drawn.String(), 1) // all text in it is escaped
	}
	if p.Facts != "" {
		facts = strings.Replace(webFacts, "FACTS", html.EscapeString(visible(p.Facts)), 1)
	}
	// One pass: what is put in is not searched for these words.
	_, err := strings.NewReplacer("TITLE", html.EscapeString(heading), "COMMAND", html.EscapeString(visible(p.Command)),
		"FIRST", html.EscapeString(first), "TEXT", html.EscapeString(rest), "BY", html.EscapeString(visible(p.By)),
		"<PICTURE>", picture, "<FACTS>", facts).WriteString(w, webPage)
	return err
}

// uncoloured is text without colours and control characters.
func uncoloured(s string) string {
	return visible(regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(s, ""))
}

// visible is text without control characters, except for the ends of lines.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' {
			return '?'
		}
		return r
	}, s)
}

// webPage has words in capitals where [WebPage.Write] puts something in.
const webPage = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>TITLE</title>
<style>
:root{--ink:#1f2328;--paper:#fff;--soft:#57606a;--panel:#f6f8fa;--line:#d0d7de}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--paper:#0d1117;--soft:#9aa3ad;--panel:#161b22;--line:#30363d}}
body{color:var(--ink);background:var(--paper);font:16px/1.5 system-ui,sans-serif;margin:0 auto;padding:1rem;max-width:60rem}
body{font-variant-ligatures:none}h1{font-size:1.15rem;overflow-wrap:anywhere}h2{font-size:1rem;margin-top:2rem}
pre{background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:.8rem;overflow-x:auto;font-size:13px;line-height:1.4}
pre span{white-space:pre-wrap;overflow-wrap:anywhere}
.picture{overflow-x:auto}.picture svg{max-width:100%;min-width:34rem;height:auto}
footer,summary{color:var(--soft)}
@media print{:root{--ink:#000;--paper:#fff;--soft:#333;--panel:#fff;--line:#999}pre{white-space:pre-wrap;overflow-wrap:anywhere}
.picture svg{min-width:0}body{max-width:none}}
</style>
</head>
<body>
<h1>TITLE</h1>
<PICTURE><h2>The answer</h2>
<pre tabindex="0"><code><span>$ COMMAND</span>
<span>FIRST</span>
TEXT</code></pre>
<FACTS><footer><p>BY</p></footer>
</body>
</html>
`

const webPicture = `<h2>PICTURED</h2>
<div class="picture" tabindex="0">PICTURE</div>
`

const webFacts = `<h2>The facts it rests on</h2>
<details><summary>The same with all facts, as JSON</summary>
<pre tabindex="0"><code>FACTS</code></pre></details>
`
