// Package history follows the answers to questions while a host's state changes: what each
// answer was, what it became, and which change did it.
//
// [Apply] makes what the kernel told of in the state in memory, with what the kernel does
// beside it without telling: routes that go with their device, say. A [Watch] decides again
// after each event, and then compares with all that is read anew.
package history
