//go:build !plain

package csv

// fast says that cells are written without a look at what they come to, where that is known.
// With the build tag plain it is off, and the tests hold one against the other.
const fast = true
