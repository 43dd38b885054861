package pipeline

// push.go: what can be pushed to a mapping: where it comes, who may send it, and
// how it is told apart. What is received lies in an Inbox until it is mapped.

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Inbox is what was pushed to one mapping, in the order in which it was stored.
// Nothing in it ever changes.
type Inbox interface {
	// Last is the Seq of the newest push, 0 where there is none.
	Last(ctx context.Context) (uint64, error)
	// Read gives each push whose Seq is above after and at most upTo to yield, in
	// order. A push is yield's only until it returns. Read returns what yield
	// returned.
	Read(ctx context.Context, after, upTo uint64, yield func(Pushed) error) error
}

// Pushed is one body as it came.
type Pushed struct {
	Seq         uint64 // its place in the inbox: higher is later, and there are holes
	ID          string // the same for what was pushed twice
	Received    time.Time
	ContentType string // as the sender said it
	Body        []byte
}

// Push is what a plan knows of what is pushed to it. It never changes.
type Push struct {
	Path     string        // exactly; it may be all that proves a sender, so that nobody is shown it
	Shown    string        // the path for people
	Auth     Authenticator // who may send
	ID       *Identity     // tells pushes apart; nil: the header webhook-id, else what the body is
	Content  string        // what bodies are: json, form, or any for what the sender says
	MaxBytes int           // of a body
	Rate     Rate          // most pushes that are taken

	// Key and Version are members of a record: what makes it the same record, and
	// which of two is newer. They are empty where nothing is known of that.
	Key, Version string

	list      []string // where a body holds its records; nil: they are found by envelopes
	envelopes []string // members that may hold them; "" is the body itself
}

// PushOptions are what a mapping says of its pushes: the options of the source
// "webhook", and of push: in those that are pulled too.
type PushOptions struct {
	Path     string       `option:"path,required,secret" doc:"where it is pushed to: /hooks/ and a name; without other authentication its last part is a secret of 128 bits"`
	Basic    string       `option:"basic,secret" doc:"user:password that a sender names (basic authentication)"`
	Bearer   string       `option:"bearer,secret" doc:"token that a sender names (Authorization: Bearer)"`
	HMAC     *HMACOptions `option:"hmac" doc:"signature of the body in a header: secret, header, algorithm, encoding, prefix"`
	Secret   []string     `option:"secret,secret" doc:"key of Standard Webhooks, whsec_ and base64; several while it is being changed"`
	ID       *Identity    `option:"id" doc:"what tells pushes apart: a header such as X-Request-Id, or an expression over the body such as id + updated_at; by default the header webhook-id, else the whole body"`
	Records  string       `option:"records" doc:"where a body holds its record or list of records, such as data.items; by default it is a record or a list of them"`
	Content  string       `option:"content" values:"any,json,form" doc:"what bodies are, whatever their senders call them; any believes the sender"`
	MaxBytes int          `option:"max_bytes" doc:"bytes that a body may have"`
	Rate     string       `option:"rate" doc:"most pushes that are taken, such as 600/min; more are answered with 429"`
}

// HMACOptions are how a body is signed.
type HMACOptions struct {
	Secret    string `option:"secret,required,secret" doc:"the key, at least 16 characters"`
	Header    string `option:"header,required" doc:"the header that holds the signature, such as X-Signature"`
	Algorithm string `option:"algorithm" values:"sha256,sha512,sha1" doc:"the hash; sha256 where it is not said"`
	Encoding  string `option:"encoding" values:"hex,base64" doc:"how the header has it; hex where it is not said"`
	Prefix    string `option:"prefix" doc:"what stands before it in the header, such as sha256="`
}

// MaxPushBytes is the largest body that can be stored.
const MaxPushBytes = 1 << 20

// PushOptionList declares PushOptions.
func PushOptionList() []Option {
	options := OptionsOf(PushOptions{Content: "any", MaxBytes: MaxPushBytes, Rate: "20000/min"})
	for i := range options {
		options[i].Tuning = true // the records are the same however they come
		if options[i].Name == "max_bytes" {
			options[i].Max = MaxPushBytes
		}
	}
	return options
}

// PushedStream is what a connector knows of the pushes of a stream.
type PushedStream struct {
	Records []string // members of a body that may hold its records; "" is the body itself
	Version string   // the member of a record by which the newer of two is known
}

// NewPush is what options of PushOptionList say of a stream that can be pushed,
// and all that is wrong with them. No message holds what may be a secret.
func NewPush(options Options, stream Stream) (*Push, []OptionError) {
	var o PushOptions
	options.Decode(&o)
	p := &Push{Path: o.Path, ID: o.ID, Content: o.Content, MaxBytes: o.MaxBytes, Key: stream.Key, envelopes: []string{""}}
	if p.Content == "" {
		p.Content = "any"
	}
	if p.MaxBytes == 0 {
		p.MaxBytes = MaxPushBytes
	}
	if stream.Pushed != nil {
		p.Version = stream.Pushed.Version
		if len(stream.Pushed.Records) > 0 {
			p.envelopes = stream.Pushed.Records
		}
	}
	var errs []OptionError
	if o.Rate != "" {
		rate, err := ParseRate(o.Rate)
		if err != nil {
			errs = append(errs, OptionError{Option: "rate", Message: err.Error()})
		}
		p.Rate = rate
	}
	if o.Records != "" {
		p.list = strings.Split(o.Records, ".")
		if slices.Contains(p.list, "") {
			errs = append(errs, OptionError{Option: "records", Message: fmt.Sprintf("%q is not a path of names", o.Records), Hint: "as in data.items"})
		}
	}
	for _, name := range []string{"basic", "bearer"} {
		if text, given := options[name]; given && text == "" { // or it would be as if nobody had asked for it
			errs = append(errs, OptionError{Option: name, Message: name + " is empty", Hint: "the variable that it names may be set to nothing"})
		}
	}
	var more []OptionError
	p.Auth, more = authenticator(o)
	errs = append(errs, more...)
	return p, append(errs, checkPushPath(o.Path, p.Auth.Kind == AuthPath)...)
}

// Push is what can be pushed to the mapping; nil where nothing can.
func (p *Plan) Push() *Push { return p.push }

// PushOnly reports whether the source is nothing but what is pushed, so that it
// cannot be read at any time.
func (p *Plan) PushOnly() bool { return p.source.connector.PushOnly }

// Reconcile is how often everything is pulled beside what is pushed; 0: never.
func (p *Plan) Reconcile() time.Duration { return p.reconcile }

// Schedule is when the mapping runs by itself; nil where it does not say.
func (p *Plan) Schedule() *Schedule { return p.schedule }
