package pipeline

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"time"
)

// World is everything outside the process that a run may touch. Tests pass
// their own.
type World struct {
	HTTP   http.RoundTripper                      // what calls go through; nil is http.DefaultTransport
	Now    time.Time                              // the run's start: what now() says in expressions
	Stdin  io.Reader                              // what `path: "-"` reads
	Stdout io.Writer                              // what `path: "-"` writes
	Token  func(connection string) (Token, error) // whose credentials a source uses; its errors name the connection
	Renew  Renewal                                // gets fresh tokens; may be nil
	OutDir string                                 // outputs are relative to it; empty is the working directory
	Sealed bool                                   // outputs stay in OutDir whatever their path says; for tests
	Sample bool                                   // name published files NAME.sample.EXT
	Notice func(message string)                   // is told what a user should know while a run goes on; may be nil
	Calls  func(Call)                             // is told of every call; may be nil
	Outbox Outbox                                 // takes what sinks of rows have to deliver; nil: they deliver it
}

// Outbox takes requests in place of their receivers, and delivers them later: so
// that a run does not wait for a receiver that is down for days.
type Outbox interface {
	// Fits reports whether Put can keep a request, as far as that depends on how large
	// it is: the same for the same request, so that what is split for it is split the
	// same way whenever that is done again.
	Fits(r Request) bool
	// Put keeps a request. Once it returns nil the request is delivered, or kept as
	// given up, whatever dies. One with the same Sink and ID is kept once.
	Put(ctx context.Context, r Request) error
}

// Request is what a sink of rows has to deliver. Where it goes, and with which
// headers, is not in it: that is secret, and may change until it is sent.
type Request struct {
	Sink string   // as SinkConfig.Name says it
	ID   string   // the idempotency key
	Keys [][]byte // of its rows: requests that share one keep their order
	Body []byte
}

// Token is an access token. It prints as ***.
type Token struct {
	Value   string
	Source  string    // where it was found, in messages: the name of a variable, or of a file
	RenewAt time.Time // from when on a fresh one is asked for; zero: when it is refused
}

// Stale reports whether a fresh token is to be asked for.
func (t Token) Stale(now time.Time) bool { return !t.RenewAt.IsZero() && !now.Before(t.RenewAt) }

// Renewal gets a token in place of old, which has run out or was refused. What it
// returns is durable already, so that no crash loses it. A token without a value
// says that a person has to log in again. It may be called at the same time.
type Renewal func(ctx context.Context, connection string, old Token) (Token, error)

// String hides the token.
func (Token) String() string { return "***" }

// GoString hides the token.
func (Token) GoString() string { return "***" }

// MarshalText hides the token.
func (Token) MarshalText() ([]byte, error) { return []byte("***"), nil }

// Call is one request to a source, or, where WaitFor is set, a wait before one:
// for the limit, or after Retry tries that failed with Err.
type Call struct {
	Status  int           // of the answer; 0 where there was none
	Took    time.Duration // from sending to the last byte
	Waited  time.Duration // for the limit, before
	Retry   int           // 0 for the first try
	Err     string        // why there was no usable answer, without secrets or personal data
	Bytes   int64         // of the decoded answer
	WaitFor time.Time     // no call before this time
}

// OutPath is where an output of that path goes in this run.
func (w *World) OutPath(path string) string {
	if w.Sample {
		// attendees.csv.gz is attendees.sample.csv.gz
		dir, base := filepath.Split(path)
		name, ext, _ := strings.Cut(base, ".")
		if ext != "" {
			ext = "." + ext
		}
		path = filepath.Join(dir, name+".sample"+ext)
	}
	if w.Sealed {
		return filepath.Join(w.OutDir, filepath.Join(string(filepath.Separator), path)) // what is above a root is the root
	}
	if filepath.IsAbs(path) || w.OutDir == "" {
		return path
	}
	return filepath.Join(w.OutDir, path)
}
