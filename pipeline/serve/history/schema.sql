-- The tables of history.db, version 1. Times are milliseconds since 1970, UTC:
-- datetime(started / 1000, 'unixepoch') shows them. docs/history.md explains them.

CREATE TABLE meta( -- one row
	seq INTEGER NOT NULL, -- the last event of the log that was projected
	id  TEXT NOT NULL,    -- … and its ID, which tells another log from this one
	at  INTEGER           -- … and when it was
);
INSERT INTO meta VALUES (0, '', NULL);

CREATE TABLE clients( -- a mapping, as it is used now
	mapping  TEXT PRIMARY KEY,
	file     TEXT NOT NULL,
	hash     TEXT NOT NULL,
	source   TEXT NOT NULL,
	sinks    TEXT NOT NULL,    -- a JSON list of connectors
	schedule TEXT NOT NULL,    -- empty: none
	push     INTEGER NOT NULL, -- 1: it is pushed to
	loaded   INTEGER,          -- NULL: never, its first version is wrong
	heard    INTEGER,          -- the last push, or run that read something
	success  INTEGER,          -- the end of the last run that delivered
	gone     INTEGER           -- NULL: it is there
) WITHOUT ROWID;

CREATE TABLE problems( -- what is wrong now
	mapping TEXT NOT NULL, -- empty: serve as a whole
	kind    TEXT NOT NULL, -- the kind of the event that began it; run-ended: the last run failed
	sink    TEXT NOT NULL, -- empty: of no sink
	since   INTEGER NOT NULL,
	text    TEXT NOT NULL,
	PRIMARY KEY(mapping, kind, sink)
) WITHOUT ROWID;

CREATE TABLE runs(
	id        TEXT PRIMARY KEY,
	mapping   TEXT NOT NULL,
	trigger   TEXT NOT NULL, -- schedule, push, reconcile, manual
	result    TEXT NOT NULL, -- running, done, rejected, failed, stopped, lost
	node      TEXT NOT NULL,
	started   INTEGER NOT NULL,
	ended     INTEGER,       -- NULL: it is running
	took_ms   INTEGER NOT NULL DEFAULT 0,
	calls     INTEGER NOT NULL DEFAULT 0,
	read      INTEGER NOT NULL DEFAULT 0, -- records
	written   INTEGER NOT NULL DEFAULT 0, -- rows
	filtered  INTEGER NOT NULL DEFAULT 0, -- records
	unchanged INTEGER NOT NULL DEFAULT 0, -- rows
	deleted   INTEGER NOT NULL DEFAULT 0, -- rows
	rejected  INTEGER NOT NULL DEFAULT 0, -- records
	error     TEXT NOT NULL DEFAULT '',
	report    TEXT NOT NULL DEFAULT '{}', -- JSON: all that the run said of itself
	late      INTEGER GENERATED ALWAYS AS (coalesce(report ->> '$.late', 0)) VIRTUAL,
	doubled   INTEGER GENERATED ALWAYS AS (coalesce(report ->> '$.doubled', 0)) VIRTUAL,
	missed    INTEGER GENERATED ALWAYS AS (coalesce(report ->> '$.missed', 0)) VIRTUAL
) WITHOUT ROWID;
CREATE INDEX runs_by_mapping ON runs(mapping, started);
CREATE INDEX runs_by_time ON runs(started);
CREATE INDEX runs_by_end ON runs(ended);
CREATE INDEX runs_going_on ON runs(mapping) WHERE result = 'running';

CREATE TABLE causes( -- why records of a run were rejected
	run    TEXT NOT NULL,
	n      INTEGER NOT NULL, -- in the order in which they first came
	code   TEXT NOT NULL,    -- pipeline explain CODE
	field  TEXT NOT NULL,
	reason TEXT NOT NULL,    -- of the first one
	count  INTEGER NOT NULL,
	page   INTEGER NOT NULL, -- where the first one stood; 0: does not apply
	item   INTEGER NOT NULL,
	line   INTEGER NOT NULL,
	PRIMARY KEY(run, n)
) WITHOUT ROWID;

CREATE TABLE deliveries( -- by minute
	mapping TEXT NOT NULL,
	minute  INTEGER NOT NULL,
	sink    TEXT NOT NULL,
	arrived INTEGER NOT NULL,
	failed  INTEGER NOT NULL, -- attempts
	p50_ms  INTEGER NOT NULL, -- how long an attempt took; of several nodes the worst
	p95_ms  INTEGER NOT NULL,
	p99_ms  INTEGER NOT NULL,
	PRIMARY KEY(mapping, minute, sink)
) WITHOUT ROWID;
CREATE INDEX deliveries_by_minute ON deliveries(minute);

CREATE TABLE calls( -- to sources, by minute
	mapping   TEXT NOT NULL,
	minute    INTEGER NOT NULL,
	count     INTEGER NOT NULL,
	allowed   INTEGER NOT NULL, -- in a minute; 0: the source says no limit
	waited_ms INTEGER NOT NULL, -- for the limit, all calls together
	p50_ms    INTEGER NOT NULL, -- how long an answer took; of several nodes the worst
	p95_ms    INTEGER NOT NULL,
	p99_ms    INTEGER NOT NULL,
	PRIMARY KEY(mapping, minute)
) WITHOUT ROWID;
CREATE INDEX calls_by_minute ON calls(minute);

CREATE TABLE pushes( -- by minute
	mapping TEXT NOT NULL,
	minute  INTEGER NOT NULL,
	stored  INTEGER NOT NULL,
	twice   INTEGER NOT NULL, -- that were stored before
	refused INTEGER NOT NULL,
	PRIMARY KEY(mapping, minute)
) WITHOUT ROWID;
CREATE INDEX pushes_by_minute ON pushes(minute);

CREATE TABLE dead_letters( -- deliveries that were given up
	id       TEXT PRIMARY KEY, -- of the message in the log of dead letters
	mapping  TEXT NOT NULL,
	sink     TEXT NOT NULL,
	seq      INTEGER NOT NULL, -- its place in that log
	status   INTEGER NOT NULL, -- the HTTP status of the last attempt; 0: no answer
	attempts INTEGER NOT NULL,
	first    INTEGER,          -- attempt
	died     INTEGER NOT NULL,
	reason   TEXT NOT NULL,
	state    TEXT NOT NULL,    -- open, replayed, dropped
	changed  INTEGER           -- when it was replayed or dropped
) WITHOUT ROWID;
CREATE INDEX dead_by_state ON dead_letters(state, mapping, seq);

CREATE TABLE events( -- all but the minutes, which have tables
	seq     INTEGER PRIMARY KEY, -- its place in the log
	at      INTEGER NOT NULL,
	kind    TEXT NOT NULL,
	mapping TEXT NOT NULL, -- empty: of serve as a whole
	run     TEXT NOT NULL,
	node    TEXT NOT NULL,
	sink    TEXT NOT NULL,
	text    TEXT NOT NULL,
	more    TEXT           -- JSON
);
CREATE INDEX events_by_mapping ON events(mapping, seq);
CREATE INDEX events_by_run ON events(run, seq) WHERE run <> '';
