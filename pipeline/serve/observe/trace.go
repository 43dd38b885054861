package observe

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"pipeline/pipeline"
	"pipeline/pipeline/serve/history"
)

// trace.go: what is told to OpenTelemetry, where OTEL_EXPORTER_OTLP_ENDPOINT says
// that somebody listens. A trace is a push, or a run with its pages, calls and
// commit, or an attempt to deliver; what one of them leaves to another has the
// trace context in its message's header, and the spans are linked.

// Traces makes spans. The zero Traces makes none, at no cost.
type Traces struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// NewTraces is Traces as the environment wants them: none without an endpoint. log is
// told when the collector does not take them.
func NewTraces(getenv func(string) string, version, node string, client *http.Client, log *slog.Logger) (*Traces, error) {
	o, err := otlpFrom(getenv)
	if err != nil || o.url == "" {
		return &Traces{}, err
	}
	service := getenv("OTEL_SERVICE_NAME")
	if service == "" {
		service = "pipeline"
	}
	about := resource.NewSchemaless(attribute.String("service.name", service), attribute.String("service.version", version), attribute.String("service.instance.id", node))
	provider := sdk.NewTracerProvider(sdk.WithBatcher(&otlpExporter{o: o, client: client, log: log}), sdk.WithResource(about))
	return &Traces{provider: provider, tracer: provider.Tracer("pipeline", trace.WithInstrumentationVersion(version))}, nil
}

// Close sends what is not sent yet, as far as ctx allows.
func (t *Traces) Close(ctx context.Context) error {
	if t.provider == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// propagate is how traces are named from one program to another.
var propagate = propagation.TraceContext{}

func (t *Traces) start(ctx context.Context, name string, o ...trace.SpanStartOption) (context.Context, trace.Span) {
	if t.tracer == nil {
		return ctx, noop.Span{}
	}
	return t.tracer.Start(ctx, name, o...)
}

// Hook is the span of a push. Its trace is that of the sender, where the request
// names one. end is given the status of the answer.
func (t *Traces) Hook(ctx context.Context, header http.Header, mapping string) (_ context.Context, end func(status int)) {
	if t.tracer != nil {
		ctx = propagate.Extract(ctx, propagation.HeaderCarrier(header))
	}
	ctx, span := t.start(ctx, "hook", trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attribute.String("pipeline.mapping", mapping)))
	return ctx, func(status int) {
		span.SetAttributes(attribute.Int("http.response.status_code", status))
		if status >= 500 {
			span.SetStatus(codes.Error, "answered "+strconv.Itoa(status))
		}
		span.End()
	}
}

// Keep writes the trace of ctx into the header of a message, so that whoever takes
// the message can link to it. Without traces it changes nothing.
func (t *Traces) Keep(ctx context.Context, header map[string]string) {
	if t.tracer != nil {
		propagate.Inject(ctx, propagation.MapCarrier(header))
	}
}

// maxLinks is how many messages a span is linked to; the SDK drops the others too.
const maxLinks = 128

// links are the traces that headers of messages name.
func links(headers []map[string]string) (links []trace.Link) {
	for _, h := range headers {
		kept := trace.SpanContextFromContext(propagate.Extract(context.Background(), propagation.MapCarrier(h)))
		if kept.IsValid() && len(links) < maxLinks {
			links = append(links, trace.Link{SpanContext: kept})
		}
	}
	return links
}

// Run is the span of a run, linked to the messages that it reads.
func (t *Traces) Run(ctx context.Context, mapping, run string, by history.Trigger, headers ...map[string]string) (context.Context, *RunSpan) {
	if t.tracer == nil {
		return ctx, &RunSpan{}
	}
	ctx, span := t.start(ctx, "run", trace.WithLinks(links(headers)...),
		trace.WithAttributes(attribute.String("pipeline.mapping", mapping), attribute.String("pipeline.run", run), attribute.String("pipeline.trigger", string(by))))
	return ctx, &RunSpan{traces: t, ctx: ctx, span: span, last: time.Now()}
}

// RunSpan is a run that goes on. Call may be called at the same time, the other
// methods by one goroutine at a time. The zero RunSpan keeps nothing.
type RunSpan struct {
	traces *Traces
	ctx    context.Context //nolint:containedctx // it is what the spans of the run hang on
	span   trace.Span
	last   time.Time // the end of the last page
	pages  int
}

// Call is a call to the source that has ended. It fits pipeline.World.
func (r *RunSpan) Call(c pipeline.Call) {
	if r.traces == nil || !c.WaitFor.IsZero() {
		return
	}
	end := time.Now()
	_, span := r.traces.start(r.ctx, "call", trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(end.Add(-c.Took)), trace.WithAttributes(
		attribute.Int("http.response.status_code", c.Status), attribute.Int64("http.response.body.size", c.Bytes),
		attribute.Int("http.request.resend_count", c.Retry), attribute.Int64("pipeline.waited_ms", c.Waited.Milliseconds())))
	if c.Err != "" {
		span.SetStatus(codes.Error, c.Err)
	}
	span.End(trace.WithTimestamp(end))
}

// Page is told how far the run is after each page. It fits pipeline.RunOptions.
func (r *RunSpan) Page(report pipeline.Report) {
	if r.traces == nil || report.Pages == r.pages {
		return
	}
	now := time.Now()
	_, span := r.traces.start(r.ctx, "read page", trace.WithTimestamp(r.last), trace.WithAttributes(
		attribute.Int("pipeline.page", report.Pages), attribute.Int("pipeline.read", report.Read)))
	span.End(trace.WithTimestamp(now))
	r.last, r.pages = now, report.Pages
}

// End is the end of the run: what came after the last page is its commit.
func (r *RunSpan) End(result history.Result, report pipeline.Report, err error) {
	if r.traces == nil {
		return
	}
	_, commit := r.traces.start(r.ctx, "commit", trace.WithTimestamp(r.last))
	commit.End()
	r.span.SetAttributes(attribute.String("pipeline.result", string(result)), attribute.Int("pipeline.read", report.Read),
		attribute.Int("pipeline.written", report.Written), attribute.Int("pipeline.rejected", report.Rejected))
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		r.span.SetStatus(codes.Error, first)
	}
	r.span.End()
}

// Delivery is the span of one attempt to deliver, linked to the run that made the
// message. Its context is given to the receiver by Keep. end is given the status of
// the answer, 0 where there was none.
func (t *Traces) Delivery(ctx context.Context, mapping, sink string, attempt int, header map[string]string) (_ context.Context, end func(status int, err error)) {
	if t.tracer == nil {
		return ctx, func(int, error) {}
	}
	ctx, span := t.start(ctx, "deliver", trace.WithSpanKind(trace.SpanKindClient), trace.WithLinks(links([]map[string]string{header})...),
		trace.WithAttributes(attribute.String("pipeline.mapping", mapping), attribute.String("pipeline.sink", sink), attribute.Int("http.request.resend_count", attempt-1)))
	return ctx, func(status int, err error) {
		if status != 0 {
			span.SetAttributes(attribute.Int("http.response.status_code", status))
		}
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}
