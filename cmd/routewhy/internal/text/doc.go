// Package text puts reports into words. It decides nothing, and needs only the report and
// the style of the output. There is one sentence for each code. Text fits 80 columns if
// the names in it are short enough, and reads the same without colour.
package text
