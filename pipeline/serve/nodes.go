package serve

// nodes.go: what the nodes tell each other of their folders, which have to be the same:
// whoever takes a mapping over runs its own file.

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"pipeline/pipeline/serve/engine"
)

const (
	tellEvery = time.Minute     // where nothing changed
	gone      = 5 * time.Minute // a node that has told nothing for so long is not asked for
)

// folderOf is the value in which a node tells what is in its folder.
type folderOf struct {
	At       time.Time         `json:"at"`
	Mappings map[string]string `json:"mappings"` // hashes, by name
}

const folderPrefix = "folder."

// tell tells the other nodes what is in the folder, until ctx is done.
func (s *Service) tell(ctx context.Context) {
	own := cursor[folderOf]{engine: s.c.Engine, bucket: engine.Cursors, name: folderPrefix + s.c.Node}
	for pause(ctx, lookEvery) == nil {
		if !s.loaded.Load() {
			continue
		}
		now := folderOf{At: time.Now().UTC(), Mappings: map[string]string{}}
		for _, m := range s.Mappings() {
			now.Mappings[m.Plan.Name()] = m.Hash
		}
		if own.load(ctx) != nil || now.At.Sub(own.value.At) < tellEvery && maps.Equal(now.Mappings, own.value.Mappings) {
			continue
		}
		_ = own.save(ctx, now) // else the next time
	}
}

// differs says which nodes have a mapping in another version, or not at all; empty: none.
func (s *Service) differs(ctx context.Context, m *Mapping, now time.Time) string {
	if s.c.Alone {
		return ""
	}
	all, err := s.c.Engine.List(ctx, engine.Cursors, folderPrefix)
	if err != nil {
		return "" // that the engine is unwell, its own state says
	}
	var other, without []string
	for _, entry := range all {
		var there folderOf
		node := strings.TrimPrefix(entry.Name, folderPrefix)
		if json.Unmarshal(entry.Value, &there) != nil || node == s.c.Node || now.Sub(there.At) > gone {
			continue
		}
		switch hash, found := there.Mappings[m.Plan.Name()]; {
		case !found:
			without = append(without, node)
		case hash != m.Hash:
			other = append(other, node)
		}
	}
	var says []string
	if len(other) > 0 {
		says = append(says, fmt.Sprintf("node %s has it in another version than node %s, which runs it", strings.Join(other, ", "), s.c.Node))
	}
	if len(without) > 0 {
		says = append(says, fmt.Sprintf("node %s does not have it", strings.Join(without, ", ")))
	}
	return strings.Join(says, "; ")
}
