// Package render puts decisions into words and into JSON. It decides nothing:
// package lookup gives codes with operands, and words.go has one sentence for
// each. Text fits 80 columns where the names in it allow that, and reads the
// same without colour.
package render
