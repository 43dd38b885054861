// Package schemas holds the JSON Schemas that are built in: what is known of
// the records of each platform, and what targets expect of a row.
package schemas

import (
	"embed"
	"fmt"
)

//go:embed *.json
var files embed.FS

// Read is the text of one schema.
func Read(name string) ([]byte, error) {
	text, err := files.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("there is no built-in schema %q", name)
	}
	return text, nil
}
