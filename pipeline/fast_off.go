//go:build plain

package pipeline

const fast = false
