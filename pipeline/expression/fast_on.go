//go:build !plain

package expression

// fast says that expressions are compiled to closures where that is possible. With
// the build tag plain the VM works all of them out.
const fast = true
