// Package text puts reports into words: it decides nothing, and needs nothing but the
// report and how it is to look. There is one sentence for each code. Text fits 80 columns
// where the names in it allow that, and reads the same without colour.
package text
