//go:build !plain

package schema

// fast says that what is compiled from a schema decides on rows, and that patterns
// are matched by matchers. With the build tag plain schemas and regexp decide.
const fast = true
