package observe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// otlp.go: spans as OTLP over HTTP, in JSON, which every collector takes at its port
// 4318. The exporter of OpenTelemetry itself brings gRPC and protobuf along, 10 MB
// of program and a millisecond of every start, for the hundred lines that are here.
// The rules are those of opentelemetry-proto: IDs in hex, enumerations as numbers,
// 64-bit integers as texts, names in lowerCamelCase.

// otlp is where spans go.
type otlp struct {
	url     string // empty: nowhere
	headers http.Header
	timeout time.Duration
}

// otlpFrom reads the variables that the specification of OpenTelemetry names.
func otlpFrom(getenv func(string) string) (o otlp, err error) {
	first := func(names ...string) (name, value string) {
		for _, name := range names {
			if value := strings.TrimSpace(getenv(name)); value != "" {
				return name, value
			}
		}
		return "", ""
	}
	if strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") || getenv("OTEL_TRACES_EXPORTER") == "none" {
		return o, nil
	}
	name, endpoint := first("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
	if endpoint == "" {
		return o, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return o, fmt.Errorf("%s has to be the URL of a collector, such as http://localhost:4318", name)
	}
	if name == "OTEL_EXPORTER_OTLP_ENDPOINT" {
		u = u.JoinPath("v1", "traces")
	}
	if name, protocol := first("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); protocol == "grpc" {
		return o, fmt.Errorf("%s is grpc; pipeline sends OTLP over HTTP, which collectors take at port 4318: set it to http/json", name)
	}
	o = otlp{url: u.String(), headers: http.Header{}, timeout: 10 * time.Second}
	name, list := first("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
	for pair := range strings.SplitSeq(list, ",") {
		key, value, ok := strings.Cut(pair, "=")
		if strings.TrimSpace(pair) == "" {
			continue
		}
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || err != nil { // no value in a message: they are secrets
			return otlp{}, fmt.Errorf("%s has to be name=value, with a comma between two of them, and values as in URLs", name)
		}
		o.headers.Set(strings.TrimSpace(key), value)
	}
	if _, text := first("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"); text != "" {
		ms, err := strconv.Atoi(text)
		if err != nil || ms <= 0 {
			return otlp{}, fmt.Errorf("OTEL_EXPORTER_OTLP_TIMEOUT has to be milliseconds, such as 10000, not %q", text)
		}
		o.timeout = time.Duration(ms) * time.Millisecond
	}
	return o, nil
}

// otlpExporter sends spans. The SDK calls it from one goroutine, with a bounded queue
// before it: a collector that hangs costs spans, and nothing else.
type otlpExporter struct {
	o       otlp
	client  *http.Client
	log     *slog.Logger
	failing bool // and it was said
}

// maxAnswer is how much of a collector's answer is read, so that its connection can
// be used again.
const maxAnswer = 64 << 10

// ExportSpans implements sdk.SpanExporter. What goes wrong is said once, and not
// given to the SDK, which would say it every time, and not where we log.
func (e *otlpExporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := e.send(ctx, spans)
	switch {
	case err != nil && !e.failing:
		var where *url.Error
		if errors.As(err, &where) { // without the address, which may be one that nobody should see
			err = where.Err
		}
		e.log.Warn("the collector of traces takes none; traces are lost until it does", "error", err.Error())
	case err == nil && e.failing:
		e.log.Info("the collector takes traces again")
	}
	e.failing = err != nil
	return nil
}

func (e *otlpExporter) send(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	body, err := json.Marshal(request(spans))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, e.o.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.o.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = e.o.headers.Clone()
	req.Header.Set("Content-Type", "application/json")
	res, err := e.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // only read
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer))
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("the collector answers %s", res.Status)
	}
	return nil
}

// Shutdown implements sdk.SpanExporter.
func (e *otlpExporter) Shutdown(context.Context) error { return nil }

// The messages of opentelemetry-proto that are needed.
type (
	tracesData struct {
		ResourceSpans []resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource   otlpResource `json:"resource"`
		ScopeSpans []scopeSpans `json:"scopeSpans"`
	}
	otlpResource struct {
		Attributes []keyValue `json:"attributes"`
	}
	scopeSpans struct {
		Scope scope      `json:"scope"`
		Spans []otlpSpan `json:"spans"`
	}
	scope struct {
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
	}
	otlpSpan struct {
		TraceID           string     `json:"traceId"`
		SpanID            string     `json:"spanId"`
		TraceState        string     `json:"traceState,omitempty"`
		ParentSpanID      string     `json:"parentSpanId,omitempty"`
		Flags             uint32     `json:"flags,omitempty"`
		Name              string     `json:"name"`
		Kind              int        `json:"kind"`
		StartTimeUnixNano int64      `json:"startTimeUnixNano,string"`
		EndTimeUnixNano   int64      `json:"endTimeUnixNano,string"`
		Attributes        []keyValue `json:"attributes,omitempty"`
		Links             []link     `json:"links,omitempty"`
		Status            spanStatus `json:"status"`
	}
	link struct {
		TraceID    string `json:"traceId"`
		SpanID     string `json:"spanId"`
		TraceState string `json:"traceState,omitempty"`
	}
	spanStatus struct {
		Message string `json:"message,omitempty"`
		Code    int    `json:"code,omitempty"`
	}
	keyValue struct {
		Key   string   `json:"key"`
		Value anyValue `json:"value"`
	}
	anyValue struct {
		String *string `json:"stringValue,omitempty"`
		Int    *string `json:"intValue,omitempty"` // a text, for it has 64 bits
		Bool   *bool   `json:"boolValue,omitempty"`
	}
)

// request is spans as one message. They all have the resource of this process and
// our one scope.
func request(spans []sdk.ReadOnlySpan) tracesData {
	if len(spans) == 0 {
		return tracesData{ResourceSpans: []resourceSpans{}}
	}
	first := spans[0]
	out := scopeSpans{Scope: scope{Name: first.InstrumentationScope().Name, Version: first.InstrumentationScope().Version}}
	for _, s := range spans {
		out.Spans = append(out.Spans, spanOf(s))
	}
	return tracesData{ResourceSpans: []resourceSpans{{Resource: otlpResource{keyValues(first.Resource().Attributes())}, ScopeSpans: []scopeSpans{out}}}}
}

func spanOf(s sdk.ReadOnlySpan) otlpSpan {
	c := s.SpanContext()
	span := otlpSpan{
		TraceID: c.TraceID().String(), SpanID: c.SpanID().String(), TraceState: c.TraceState().String(), Flags: uint32(c.TraceFlags()),
		Name: s.Name(), Kind: int(s.SpanKind()), // their numbers are the protocol's
		StartTimeUnixNano: s.StartTime().UnixNano(), EndTimeUnixNano: s.EndTime().UnixNano(),
		Attributes: keyValues(s.Attributes()),
	}
	if s.Parent().HasSpanID() {
		span.ParentSpanID = s.Parent().SpanID().String()
	}
	switch s.Status().Code { // here the numbers differ
	case codes.Ok:
		span.Status.Code = 1
	case codes.Error:
		span.Status = spanStatus{Code: 2, Message: s.Status().Description}
	}
	for _, l := range s.Links() {
		span.Links = append(span.Links, linkOf(l.SpanContext))
	}
	return span
}

func linkOf(c trace.SpanContext) link {
	return link{TraceID: c.TraceID().String(), SpanID: c.SpanID().String(), TraceState: c.TraceState().String()}
}

func keyValues(attributes []attribute.KeyValue) (out []keyValue) {
	for _, a := range attributes {
		v := anyValue{}
		switch a.Value.Type() {
		case attribute.INT64:
			text := strconv.FormatInt(a.Value.AsInt64(), 10)
			v.Int = &text
		case attribute.BOOL:
			is := a.Value.AsBool()
			v.Bool = &is
		default:
			text := a.Value.String()
			v.String = &text
		}
		out = append(out, keyValue{string(a.Key), v})
	}
	return out
}
