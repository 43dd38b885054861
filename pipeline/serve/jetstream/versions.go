package jetstream

// versions.go: nodes that run other versions of the program, as they do for the time
// of an upgrade. What one of them could damage by it is refused where it is: a store
// in mode.go, a stream in differences, a mapping's state where it is taken over.

import "log/slog"

// versions says once of each node that it runs another version, until it does not.
type versions map[string]string

func (v versions) look(log *slog.Logger, here NodeReport, others []NodeReport) {
	for _, n := range others {
		difference := otherVersion(n, here)
		if difference != "" && v[n.Node] != difference {
			log.Warn("engine: " + difference)
		}
		v[n.Node] = difference
	}
}

// otherVersion says that two nodes run other versions; empty: they do not.
func otherVersion(n, here NodeReport) string {
	if n.Version == here.Version && n.Program == here.Program {
		return ""
	}
	return "node " + n.Node + " runs " + n.runs(here) + " and node " + here.Node + " runs " + here.runs(n) +
		": they work together while that is being changed; bring all nodes to the same version, one after the other"
}

// runs is the version of a node, with that of the engine where another one's differs.
func (n NodeReport) runs(other NodeReport) string {
	text := "pipeline " + n.Program
	if n.Program == "" { // it was not said then
		text = "an older pipeline"
	}
	if n.Version != other.Version {
		text += " (engine " + n.Version + ")"
	}
	return text
}
