package jetstream

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// textLog is a log without times, and what it was told.
func textLog() (*slog.Logger, *bytes.Buffer) {
	var said bytes.Buffer
	untimed := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	return slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{ReplaceAttr: untimed})), &said
}

func TestNeighboursAreSaidOnce(t *testing.T) {
	t.Parallel()
	log, said := textLog()
	n := newNeighbours(Config{Log: log, Node: "a", Peers: []Peer{{Name: "a"}, {Name: "b"}, {Name: "c"}}})
	l := &serverLog{log: log, neighbours: n}
	for i, there := range []string{"", "b", "b", "b", "", "", "bc", "c", "", "", "b"} {
		for range 3 {
			l.Errorf("Error trying to connect to route (attempt %v): %v", i, "dial tcp 10.0.0.3:6222: connect: connection refused")
			l.Errorf("10.0.0.3:6222 - rid:%d - TLS route handshake error: remote error: tls: bad certificate", i)
		}
		now := map[string]bool{}
		for _, name := range there {
			now[string(name)] = true
		}
		n.look(now, time.Duration(i)*5*time.Second)
	}
	want := `level=INFO msg="engine: the other node is there" node=b
level=WARN msg="engine: the other node is not there yet: is pipeline serve running on it, and can it be reached?" node=c error="remote error: tls: bad certificate"
level=WARN msg="engine: the other node is gone: this one goes on as long as more than half of them are there" node=b
level=INFO msg="engine: the other node is back" node=b
level=INFO msg="engine: the other node is back" node=c
level=WARN msg="engine: the other node is gone: this one goes on as long as more than half of them are there" node=b
level=WARN msg="engine: the other node is gone: this one goes on as long as more than half of them are there" node=c
level=INFO msg="engine: the other node is back" node=b
`
	if said.String() != want {
		t.Errorf("said\n%s\nwant\n%s", said, want)
	}
	l.Errorf("something else")
	if !strings.HasSuffix(said.String(), "level=ERROR msg=\"engine: something else\"\n") {
		t.Errorf("other errors are not said: %s", said)
	}
}

func TestOtherVersionsAreSaid(t *testing.T) {
	t.Parallel()
	const rest = ": they work together while that is being changed; bring all nodes to the same version, one after the other"
	here := NodeReport{Node: "a", Version: server.VERSION, Program: "v1.2.0", At: time.Now()}
	for _, test := range []struct{ engine, program, want string }{
		{server.VERSION, "v1.2.0", ""},
		{server.VERSION, "v1.3.0", "node b runs pipeline v1.3.0 and node a runs pipeline v1.2.0" + rest},
		{server.VERSION, "", "node b runs an older pipeline and node a runs pipeline v1.2.0" + rest},
		{"9.9.9", "v1.3.0", "node b runs pipeline v1.3.0 (engine 9.9.9) and node a runs pipeline v1.2.0 (engine " + server.VERSION + ")" + rest},
	} {
		other := NodeReport{Node: "b", Version: test.engine, Program: test.program, At: here.At}
		e := &Engine{mode: Cluster, config: Config{Node: "a", Version: here.Program}}
		if got := strings.Join(e.compare(Report{At: here.At, Nodes: []NodeReport{here, other}}), "|"); got != test.want {
			t.Errorf("the audit says %q, want %q", got, test.want)
		}
		log, said := textLog()
		v := versions{}
		for range 3 {
			v.look(log, here, []NodeReport{other})
		}
		want := ""
		if test.want != "" {
			want = fmt.Sprintf("level=WARN msg=%q\n", "engine: "+test.want)
		}
		if said.String() != want {
			t.Errorf("the log says %q, want %q", said, want)
		}
	}
}
