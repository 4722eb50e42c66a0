// Package history follows the answers to questions while a host's state changes: what each
// answer was, what it became, and which change caused it.
//
// [Apply] applies an event of the kernel to the state in memory. It also applies what the
// kernel does together with it without an event, such as removing routes with their device.
// A [Watch] decides again after each event, and later compares the result with the whole
// state, which it reads again.
package history
