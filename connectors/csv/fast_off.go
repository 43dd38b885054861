//go:build plain

package csv

const fast = false
