// Package pipeline is the vocabulary and the engine: a mapping file becomes a
// Mapping (Load), a Mapping becomes a Plan (Compile), and a Plan runs (Run).
//
// The three steps fail in three ways that are never mixed. Load and Compile
// return diagnostics, which are about the files that the user wrote; they know
// all that can be known without the network. Run returns errors, which are about
// the world, and writes rejects, which are about records.
//
// A connector is a value: SourceConnector and SinkConnector declare what it is
// called, which options it takes and how it is opened, and a Registry is a list
// of them. What a source and a sink have to be is written at Source and Writer,
// and tested by package connectortest.
package pipeline
