package jetstream

// layout.go: which streams there are, under which subjects, and how. What a stream
// must not be, because data would be lost by it, cannot be said here: nothing is ever
// deleted but by age, what is full refuses what is new, and reads ask the leader.

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"pipeline/pipeline/serve/engine"
)

// shards is the number of streams of a log that everybody waits for. One stream
// makes one message durable after the other (about 750 a second on a disk that takes
// 1 ms), four do so beside each other. It is how the store is laid out: another
// number is another store.
const shards = 4

const day = 24 * time.Hour

// bounds are what a log may hold, over all its streams.
type bounds struct {
	shards int
	most   int64 // bytes
	age    time.Duration
}

func logBounds(log engine.Log) (bounds, error) {
	switch log {
	case engine.Inbox:
		return bounds{shards, 20 << 30, 30 * day}, nil
	case engine.Outbox:
		return bounds{shards, 20 << 30, 30 * day}, nil
	case engine.Dead:
		return bounds{1, 5 << 30, 90 * day}, nil
	case engine.Events:
		return bounds{1, 5 << 30, 180 * day}, nil
	case engine.Pages:
		return bounds{1, 10 << 30, 7 * day}, nil
	}
	return bounds{}, fmt.Errorf("there is no log %q", log)
}

// Age is how long a message stays in a log. Nothing else takes it out.
func Age(log engine.Log) time.Duration {
	b, _ := logBounds(log) // 0 of what is no log
	return b.age
}

// mostValues is how many bytes a bucket may hold.
func mostValues(b engine.Bucket) int64 {
	if b == engine.State {
		return 10 << 30
	}
	return 1 << 30
}

const (
	prefix = "pipeline." // of all subjects
	stored = prefix + "stored."
)

// stream is one of the server's: all of a bucket, or a shard of a log.
type stream struct {
	name   string
	log    engine.Log
	bucket engine.Bucket
	shard  int
}

func (s stream) what() string {
	if s.log != "" {
		return string(s.log)
	}
	return string(s.bucket)
}

// subjects is the filter of everything in it.
func (s stream) subjects() string {
	if s.log != "" {
		return fmt.Sprintf("%s%s.%d.*", prefix, s.log, s.shard)
	}
	return prefix + string(s.bucket) + ".*"
}

// subject is that of a topic or a value in it; of all of them where it is empty.
func (s stream) subject(name string) string {
	if name == "" {
		return s.subjects()
	}
	return strings.TrimSuffix(s.subjects(), "*") + token(name)
}

func logStream(log engine.Log, shard int) stream {
	return stream{name: fmt.Sprintf("PIPELINE_%s_%d", strings.ToUpper(string(log)), shard), log: log, shard: shard}
}

func bucketStream(b engine.Bucket) (stream, error) {
	if !slices.Contains(engine.Buckets, b) {
		return stream{}, fmt.Errorf("there is no bucket %q", b)
	}
	return stream{name: "PIPELINE_" + strings.ToUpper(string(b)), bucket: b}, nil
}

// topicStream is the stream that has a topic of a log.
func topicStream(log engine.Log, topic string) (stream, error) {
	b, err := logBounds(log)
	if err != nil {
		return stream{}, err
	}
	if b.shards == 1 {
		return logStream(log, 0), nil
	}
	if topic == "" {
		return stream{}, fmt.Errorf("%s has no order over its topics: name one", log)
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(topic))
	return logStream(log, int(h.Sum32()%uint32(b.shards))), nil
}

// streams are all that there are.
func streams() []stream {
	var all []stream
	for _, log := range engine.Logs {
		b, _ := logBounds(log)
		for shard := range b.shards {
			all = append(all, logStream(log, shard))
		}
	}
	for _, b := range engine.Buckets {
		s, _ := bucketStream(b)
		all = append(all, s)
	}
	return all
}

// config is how the server has to keep a stream.
func (s stream) config(replicas int, most map[engine.Log]int64) server.StreamConfig {
	c := server.StreamConfig{
		Name:         s.name,
		Subjects:     []string{s.subjects()},
		Retention:    server.LimitsPolicy,
		Storage:      server.FileStorage,
		Discard:      server.DiscardNew,
		Replicas:     replicas,
		MaxConsumers: -1,
		MaxMsgs:      -1,
		MaxMsgsPer:   -1,
		MaxMsgSize:   -1,
		DenyDelete:   true,
	}
	if s.bucket != "" {
		c.MaxMsgsPer = 1
		c.MaxBytes = mostValues(s.bucket)
		c.Duplicates = 2 * time.Minute // a write that is sent again is one write
		c.AllowMsgTTL = true           // marks of values that were removed go after a day
		return c
	}
	b, _ := logBounds(s.log)
	if n := most[s.log]; n > 0 {
		b.most = n
	}
	c.MaxBytes = b.most / int64(b.shards)
	c.MaxAge = b.age
	c.Duplicates = engine.Window
	c.DenyPurge = true
	// those who wait are told when a message is stored, not when it was sent
	c.RePublish = &server.RePublish{
		Source:      s.subjects(),
		Destination: stored + string(s.log) + ".{{wildcard(1)}}",
		HeadersOnly: true,
	}
	return c
}

// token is a name as one part of a subject: what cannot stand there is written as
// =XX.
func token(name string) string {
	var b strings.Builder
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

// untoken is the name of a subject's last part.
func untoken(subject string) string {
	t := subject[strings.LastIndexByte(subject, '.')+1:]
	var b strings.Builder
	for i := 0; i < len(t); i++ {
		if c, err := strconv.ParseUint(t[min(i+1, len(t)):min(i+3, len(t))], 16, 8); t[i] == '=' && err == nil {
			b.WriteByte(byte(c))
			i += 2
			continue
		}
		b.WriteByte(t[i])
	}
	return b.String()
}

// longestName bounds topics and names, so that what the server makes of them fits.
const longestName = 255

func checkName(what, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("the %s has no name", what)
	case len(name) > longestName:
		return fmt.Errorf("the name of the %s has %d bytes, and at most %d can be kept", what, len(name), longestName)
	}
	return nil
}

// messageID is what the server tells doubles by: short whatever the ID is, without
// its text, and another one in each topic.
func messageID(topic, id string) string {
	sum := sha256.Sum256([]byte(topic + "\x00" + id))
	return base64.RawURLEncoding.EncodeToString(sum[:24])
}
