package jetstream

// server.go: the server inside of this process, with the settings that it must have.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"pipeline/pipeline/serve/engine"
)

// startWithin bounds the start of the server without its data, which it reads after.
const startWithin = 5 * time.Minute

// clusterName is that of all clusters: their certificates keep them apart.
const clusterName = "pipeline"

// serve starts the server on the store's folder.
func (e *Engine) serve() error {
	c := e.config
	if err := c.checkCluster(); err != nil {
		return err
	}
	var err error
	if e.lock, err = lockStore(c.Dir, e.mode, c.Node); err != nil {
		return err
	}
	options, err := c.options()
	if err != nil {
		return err
	}
	if c.tune != nil {
		c.tune(options)
	}
	e.server, err = server.NewServer(options)
	if err != nil {
		return fmt.Errorf("start the engine: %w", err)
	}
	said := &serverLog{log: e.log}
	if e.mode == Cluster {
		said.neighbours = newNeighbours(c)
	}
	e.server.SetLoggerV2(said, false, false, false)
	e.server.Start()
	if e.mode == Cluster {
		// a server waits for its port for clients before it opens the one for nodes,
		// for ever if there is none: this is what it would call then, and its end is
		// counted in the place of that one's
		ready := make(chan struct{})
		close(ready)
		e.server.StartRouting(ready)
	}
	if !e.server.ReadyForConnections(startWithin) {
		return fmt.Errorf("start the engine in %s: %w", c.Dir, said.why())
	}
	if said.neighbours != nil {
		var ctx context.Context
		ctx, e.stopNeighbours = context.WithCancel(context.Background())
		e.watches.Go(func() { said.neighbours.watch(ctx, e.server) })
	}
	if !e.server.JetStreamEnabled() {
		return fmt.Errorf("start the store in %s: %w", c.Dir, said.why())
	}
	return nil
}

// options are the server's. SyncAlways is what makes an acknowledged message safe;
// without it the server syncs every two minutes.
func (c Config) options() (*server.Options, error) {
	o := &server.Options{
		ServerName:        c.Node,
		DontListen:        true,
		NoSigs:            true,
		NoLog:             true,
		JetStream:         true,
		StoreDir:          c.Dir,
		SyncAlways:        true,
		JetStreamMaxStore: math.MaxInt64 / 4, // the bounds of the logs hold, and the disk is watched by us
		MaxPayload:        engine.MaxBody + 1<<17,
	}
	if o.ServerName == "" {
		o.ServerName = Embedded
	}
	if c.Mode() != Cluster {
		return o, nil
	}
	return o, c.addCluster(o)
}

// stopped says whether the server has given up its store. It does so when it cannot
// write, for good, and then answers nobody.
func (e *Engine) stopped() bool {
	return e.server != nil && !e.closed.Load() && !e.server.JetStreamEnabled()
}

// stepDown hands over what this node leads, so that the others need not wait until
// they miss it.
func (e *Engine) stepDown() {
	if e.mode != Cluster || !e.server.JetStreamEnabled() {
		return
	}
	for _, s := range streams() {
		if e.server.JetStreamIsStreamLeader(server.DEFAULT_GLOBAL_ACCOUNT, s.name) {
			if err := e.server.JetStreamStepdownStream(server.DEFAULT_GLOBAL_ACCOUNT, s.name); err != nil {
				e.log.Warn("engine: hand over", "stream", s.name, "error", err)
			}
		}
	}
}

// serverLog gives what the server says to the log of serve. The server reports what
// it does at start as notices, which are details here.
type serverLog struct {
	log        *slog.Logger
	neighbours *neighbours // nil: there are none

	mu   sync.Mutex
	last string // what was wrong
}

// why is what the server last said was wrong.
func (l *serverLog) why() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == "" {
		return errors.New("it did not say why")
	}
	return errors.New(l.last)
}

// madeAnew is said at each start of what was not closed: an index of the store is made
// again from the store.
const madeAnew = "TTL state is outdated; attempting to recover"

func (l *serverLog) say(level slog.Level, format string, args []any) {
	text := strings.TrimSpace(fmt.Sprintf(format, args...))
	if level >= slog.LevelError {
		l.mu.Lock()
		l.last = text
		l.mu.Unlock()
	}
	if l.neighbours != nil && l.neighbours.hears(text) || strings.Contains(text, madeAnew) {
		level = slog.LevelDebug
	}
	l.log.Log(context.Background(), level, "engine: "+text)
}

// Noticef implements server.Logger.
func (l *serverLog) Noticef(format string, args ...any) { l.say(slog.LevelDebug, format, args) }

// Warnf implements server.Logger.
func (l *serverLog) Warnf(format string, args ...any) { l.say(slog.LevelWarn, format, args) }

// Fatalf implements server.Logger. The server goes on by itself, or ends.
func (l *serverLog) Fatalf(format string, args ...any) { l.say(slog.LevelError, format, args) }

// Errorf implements server.Logger.
func (l *serverLog) Errorf(format string, args ...any) { l.say(slog.LevelError, format, args) }

// Debugf implements server.Logger.
func (l *serverLog) Debugf(string, ...any) {}

// Tracef implements server.Logger.
func (l *serverLog) Tracef(string, ...any) {}
