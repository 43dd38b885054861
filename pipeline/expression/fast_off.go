//go:build plain

package expression

const fast = false
