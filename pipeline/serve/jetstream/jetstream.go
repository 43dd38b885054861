// Package jetstream is the engine of `pipeline serve`: NATS JetStream, as a server
// inside of this process that opens no port, as one of three or five such processes
// that keep copies of each other's data, or as a cluster that somebody else runs.
// It is one code for all three.
//
// JetStream's own settings lose data when the power goes, so that the safe ones are
// not options here: every message is on the disk before it is acknowledged, a log
// that is full refuses what is new instead of forgetting what is old, nothing can be
// deleted, and what is read comes from the leader.
package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"pipeline/pipeline/serve/engine"
)

// The ways there are to have an engine.
const (
	Embedded = "embedded"
	Cluster  = "cluster"
	External = "external"
)

// Config says which engine. With URL it is a cluster that exists, with Peers this
// process is one node of a cluster, else it is all there is.
type Config struct {
	Dir  string       // where this node keeps the store
	Log  *slog.Logger // what the server says; nil is nowhere
	Most map[engine.Log]int64

	Version string // of the program, which the nodes compare

	Node  string // which of Peers this process is
	Peers []Peer
	TLS   TLS // between nodes; without it there is no cluster

	URL             string // nats://host:4222,nats://…
	CredentialsFile string
	Monitor         []string // http://host:8222 of each server, which tells how it keeps data
	AcceptLazySync  bool     // use it even where a power cut may lose what was acknowledged

	disk func(dir string) (free, total uint64, err error) // tests have their own
	tune func(*server.Options)                            // for tests that show what an unsafe setting costs
}

// Mode is which of the ways this is.
func (c Config) Mode() string {
	switch {
	case c.URL != "":
		return External
	case len(c.Peers) > 0:
		return Cluster
	}
	return Embedded
}

// Engine implements engine.Engine.
type Engine struct {
	config Config
	mode   string
	log    *slog.Logger
	server *server.Server // nil where it is external
	conn   *nats.Conn
	lock   *lock
	news   news
	space  space
	closed atomic.Bool
	opened time.Time

	watches        sync.WaitGroup     // the minute's audit, and who looks for other nodes
	stopNeighbours context.CancelFunc // nil: nobody looks for other nodes
	stop           context.CancelFunc
	auditing       sync.Mutex // one at a time
	blocks         blocks     // those of the store that were read and are right
	last           atomic.Pointer[Report]
	versions       versions // what was said of them
}

var _ engine.Engine = (*Engine)(nil)

// Open starts or joins the engine, and returns when it can store. In a cluster that
// is when more than half of the nodes are there; it waits for them as long as ctx.
func Open(ctx context.Context, c Config) (_ *Engine, err error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{config: c, mode: c.Mode(), log: c.Log, news: news{topic: map[string]chan struct{}{}}, opened: time.Now(), versions: versions{}}
	e.space = space{dir: c.Dir, look: c.disk}
	defer func() {
		if err != nil {
			_ = e.Close(context.WithoutCancel(ctx))
		}
	}()
	if e.mode != External {
		if err := e.serve(); err != nil {
			return nil, err
		}
	}
	if err := e.connect(); err != nil {
		return nil, err
	}
	if e.mode == External {
		if err := e.checkServers(ctx); err != nil {
			return nil, err
		}
	}
	if err := e.makeStreams(ctx); err != nil {
		return nil, err
	}
	e.watch()
	return e, nil
}

// connect is the one connection of this process. Inside of a process it is no
// network.
func (e *Engine) connect() error {
	options := []nats.Option{
		nats.Name("pipeline serve"),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { e.log.Warn("engine connection", "error", err) }),
	}
	if e.server != nil {
		options = append(options, nats.InProcessServer(e.server))
	}
	if e.config.CredentialsFile != "" {
		options = append(options, nats.UserCredentials(e.config.CredentialsFile))
	}
	conn, err := nats.Connect(e.config.URL, options...)
	if err != nil {
		return fmt.Errorf("connect to the engine: %w", err)
	}
	e.conn = conn
	_, err = conn.Subscribe(stored+">", e.news.hear)
	return err
}

// makeStreams sees to it that all streams are there, as they have to be.
func (e *Engine) makeStreams(ctx context.Context) error {
	for _, s := range streams() {
		if err := e.makeStream(ctx, s, 0); err != nil {
			return fmt.Errorf("prepare %s: %w", s.what(), err)
		}
	}
	return nil
}

// makeStream makes a stream that is not there, beginning at first, and refuses one
// that is there but could lose something.
func (e *Engine) makeStream(ctx context.Context, s stream, first uint64) error {
	for {
		want := s.config(e.replicas(), e.config.Most)
		info, err := e.info(ctx, s)
		if err == nil {
			return e.agree(ctx, s, want, info.Config)
		}
		if errors.Is(err, errNoStream) {
			want.FirstSeq = first
			var made server.JSApiStreamCreateResponse
			if err = e.call(ctx, "STREAM.CREATE."+s.name, want, &made); err == nil {
				return nil
			}
		}
		if e.mode == External && (errors.Is(err, engine.ErrFull) || errors.Is(err, errNoPeers)) {
			return fmt.Errorf("the servers give JetStream less room than the logs may take, or are fewer than 3: set max_file_store to 80 GB or more on each: %w", err)
		}
		if e.mode != Cluster || ctx.Err() != nil || errors.Is(err, errClosed) {
			return err
		}
		// not yet enough nodes, or another one was faster: look again
		select {
		case <-time.After(askRarely):
		case <-ctx.Done():
			return fmt.Errorf("%w: is more than half of the nodes running?", err)
		}
	}
}

func (e *Engine) info(ctx context.Context, s stream) (*server.StreamInfo, error) {
	var info server.JSApiStreamInfoResponse
	if err := e.call(ctx, "STREAM.INFO."+s.name, nil, &info); err != nil {
		return nil, err
	}
	if info.StreamInfo == nil {
		return nil, errNoStream
	}
	return info.StreamInfo, nil
}

// agree changes the bounds of a stream to what they are now, and nothing else.
func (e *Engine) agree(ctx context.Context, s stream, want, have server.StreamConfig) error {
	if unsafe := differences(want, have); unsafe != "" {
		return fmt.Errorf("the stream %s is there already, with other settings (%s): it is not ours, or somebody changed it. Put it back as it was, or move the data to a new store: pipeline engine migrate", s.name, unsafe)
	}
	if want.MaxBytes == have.MaxBytes && want.MaxAge == have.MaxAge {
		return nil
	}
	have.MaxBytes, have.MaxAge = want.MaxBytes, want.MaxAge
	var updated server.JSApiStreamUpdateResponse
	return e.call(ctx, "STREAM.UPDATE."+s.name, have, &updated)
}

// differences names the settings by which a stream could lose or hide something.
func differences(want, have server.StreamConfig) string {
	for _, setting := range []struct {
		name       string
		want, have any
	}{
		{"storage", want.Storage, have.Storage},
		{"retention", want.Retention, have.Retention},
		{"discard", want.Discard, have.Discard},
		{"num_replicas", want.Replicas, have.Replicas},
		{"duplicate_window", want.Duplicates, have.Duplicates},
		{"max_msgs", want.MaxMsgs, have.MaxMsgs},
		{"max_msgs_per_subject", want.MaxMsgsPer, have.MaxMsgsPer},
		{"deny_delete", true, have.DenyDelete},
		{"allow_direct", false, have.AllowDirect},
		{"mirror_direct", false, have.MirrorDirect},
		{"no_ack", false, have.NoAck},
		{"persist_mode", want.PersistMode, have.PersistMode},
		{"subjects", fmt.Sprint(want.Subjects), fmt.Sprint(have.Subjects)},
	} {
		if setting.want != setting.have {
			return fmt.Sprintf("%s is %v and has to be %v", setting.name, setting.have, setting.want)
		}
	}
	return ""
}

// replicas is how many copies there are of everything.
func (e *Engine) replicas() int {
	if e.mode == Embedded || e.mode == External && e.conn.ConnectedClusterName() == "" {
		return 1
	}
	return 3
}

// Close implements engine.Engine.
func (e *Engine) Close(context.Context) error {
	if e.closed.Swap(true) {
		return nil
	}
	if e.stop != nil {
		e.stop()
	}
	if e.stopNeighbours != nil {
		e.stopNeighbours()
	}
	e.watches.Wait()
	if e.server != nil {
		e.stepDown()
	}
	if e.conn != nil {
		e.conn.Close()
	}
	if e.server != nil {
		e.server.Shutdown()
		e.server.WaitForShutdown()
	}
	return e.lock.release()
}
