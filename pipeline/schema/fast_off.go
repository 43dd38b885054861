//go:build plain

package schema

const fast = false
