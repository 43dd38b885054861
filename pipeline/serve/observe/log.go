package observe

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/trace"
)

// log.go: the lines that serve logs. Who writes a line leaves people's data and
// secrets out; what comes with an error of somebody else's is taken out here.

// logFormats are what lines can be.
var logFormats = []string{"json", "text"}

// NewLog logs lines to w as JSON objects, or as text.
func NewLog(w io.Writer, format string) (*slog.Logger, error) {
	o := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr { return cleanAttr(a) }}
	switch format {
	case "json":
		return slog.New(traced{slog.NewJSONHandler(w, o)}), nil
	case "text":
		return slog.New(traced{slog.NewTextHandler(w, o)}), nil
	}
	return nil, fmt.Errorf("a log is %s, not %q", strings.Join(logFormats, " or "), format)
}

// traced adds the trace that a line is of, where there is one.
type traced struct{ slog.Handler }

// Handle implements slog.Handler.
func (h traced) Handle(ctx context.Context, r slog.Record) error {
	if c := trace.SpanContextFromContext(ctx); c.IsValid() {
		r = r.Clone()
		r.AddAttrs(slog.String("trace_id", c.TraceID().String()), slog.String("span_id", c.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h traced) WithAttrs(attrs []slog.Attr) slog.Handler { return traced{h.Handler.WithAttrs(attrs)} }

// WithGroup implements slog.Handler.
func (h traced) WithGroup(name string) slog.Handler { return traced{h.Handler.WithGroup(name)} }

const hidden = "***"

// secretWords are in the names of fields that nobody should read.
var secretWords = []string{"token", "secret", "password", "passphrase", "authorization", "cookie", "credential", "signature"}

func cleanAttr(a slog.Attr) slog.Attr {
	key := strings.ToLower(a.Key)
	for _, word := range secretWords {
		if strings.Contains(key, word) {
			return slog.String(a.Key, hidden)
		}
	}
	switch v := a.Value.Resolve(); v.Kind() {
	case slog.KindString:
		return slog.String(a.Key, Clean(v.String()))
	case slog.KindAny:
		switch v := v.Any().(type) {
		case error:
			return slog.String(a.Key, Clean(v.Error()))
		case []string:
			clean := make([]string, len(v))
			for i := range v {
				clean[i] = Clean(v[i])
			}
			return slog.Any(a.Key, clean)
		case *slog.Source:
			return a
		default: // a struct, say, whose fields nobody has looked at
			return slog.String(a.Key, Clean(fmt.Sprint(v)))
		}
	}
	return a
}

// unclean is what looks like a secret or a person, and what is left of it.
var unclean = sync.OnceValue(func() []struct {
	looks *regexp.Regexp
	left  string
} {
	return []struct {
		looks *regexp.Regexp
		left  string
	}{
		// an address may have a secret anywhere behind the host
		{regexp.MustCompile(`(?i)\b(https?|nats|tls)://(?:[^\s/?#"'@]*@)?([^\s/?#"']*)(?:[/?#][^\s"']+)`), "$1://$2/" + hidden},
		{regexp.MustCompile(`(?i)\b(https?|nats|tls)://[^\s/?#"'@]*@`), "$1://"},
		{regexp.MustCompile(`/hooks/[^\s"'?]+(\?[^\s"']*)?`), "/hooks/" + hidden},
		{regexp.MustCompile(`(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}`), "$1 " + hidden},
		{regexp.MustCompile(`\bwhsec_[A-Za-z0-9+/=_-]+`), hidden},
		{regexp.MustCompile(`(?i)\b((?:access_|refresh_|id_)?token|secret|password|api_?key|client_secret)(["']?\s*[:=]\s*["']?)[^\s"'&,;]+`), "$1$2" + hidden},
		{regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`), hidden}, // a JSON web token
		{regexp.MustCompile(`[\pL\pN._%+-]+@[\pL\pN-]+(?:\.[\pL\pN-]+)+`), hidden},             // an email
	}
})

// Clean is a text without what looks like a secret, an address that may hold one,
// or an email.
func Clean(text string) string {
	if !strings.ContainsAny(text, "/:=@_. ") {
		return text
	}
	for _, u := range unclean() {
		text = u.looks.ReplaceAllString(text, u.left)
	}
	return text
}
