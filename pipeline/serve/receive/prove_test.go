package receive

import (
	"bufio"
	"crypto/hmac"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"pipeline/pipeline"
)

// signatureOf is what a sender puts into the header.
func signatureOf(options pipeline.Options, body string) string {
	var o pipeline.PushOptions
	options.Decode(&o)
	mac := hmac.New(o.HMAC.Hash(), []byte(o.HMAC.Secret))
	mac.Write([]byte(body))
	if o.HMAC.Encoding == "base64" {
		return o.HMAC.Prefix + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return o.HMAC.Prefix + hex.EncodeToString(mac.Sum(nil))
}

// The vector that the libraries of Standard Webhooks share.
var vector = struct {
	id, timestamp, body, signature string
	at                             time.Time
}{"msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", `{"test": 2432232314}`, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", time.Unix(1614265330, 0)}

func TestStandardWebhooksVector(t *testing.T) {
	other := "whsec_" + base64.StdEncoding.EncodeToString([]byte("another key of twenty-four bytes"))
	good := vector.signature
	for name, tt := range map[string]struct {
		secrets                        []string
		id, timestamp, signature, body string
		off                            time.Duration
		want                           int
	}{
		"good":                    {want: 202},
		"with others":             {signature: "v1,AAAA v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg== " + good, want: 202},
		"the new key":             {secrets: []string{other, testSecret}, want: 202},
		"the old key":             {secrets: []string{testSecret, other}, want: 202},
		"another key":             {secrets: []string{other}, want: 401},
		"another body":            {body: `{"test": 2432232315}`, want: 401},
		"another id":              {id: "msg_other", want: 401},
		"no id":                   {id: "-", want: 401},
		"another time":            {timestamp: "1614265331", want: 401},
		"no time":                 {timestamp: "-", want: 401},
		"a time that is none":     {timestamp: "1614265330.0", want: 401},
		"no signature":            {signature: "-", want: 401},
		"no version":              {signature: strings.TrimPrefix(good, "v1,"), want: 401},
		"another version":         {signature: strings.Replace(good, "v1", "v2", 1), want: 401},
		"not base64":              {signature: "v1,!!!", want: 401},
		"shorter":                 {signature: good[:20], want: 401},
		"behind too many":         {signature: strings.Repeat("v1,AAAA ", maxSignatures) + good, want: 401},
		"five minutes late":       {off: 5 * time.Minute, want: 202},
		"more than that":          {off: 5*time.Minute + time.Second, want: 401},
		"five minutes early":      {off: -5 * time.Minute, want: 202},
		"earlier than that":       {off: -5*time.Minute - time.Second, want: 401},
		"a time beyond all years": {timestamp: "9223372036854775807", want: 401},
	} {
		t.Run(name, func(t *testing.T) {
			secrets := tt.secrets
			if secrets == nil {
				secrets = []string{testSecret}
			}
			b := newBench(t, pipeline.Options{"path": openPath, "secret": secrets})
			b.at(vector.at.Add(tt.off))
			or := func(s, otherwise string) string {
				switch s {
				case "":
					return otherwise
				case "-":
					return ""
				}
				return s
			}
			r := b.post(openPath, or(tt.body, vector.body), "Webhook-Id", or(tt.id, vector.id), "Webhook-Timestamp", or(tt.timestamp, vector.timestamp), "Webhook-Signature", or(tt.signature, good))
			if r.StatusCode != tt.want {
				t.Errorf("got %d, want %d", r.StatusCode, tt.want)
			}
			if got := text(t, r); tt.want == 401 && got != refused.body {
				t.Errorf("it says %q", got)
			}
		})
	}
}

// A signature that is sent again within its time is stored once.
func TestReplayedSignature(t *testing.T) {
	b := newBench(t, pipeline.Options{"path": openPath, "secret": []string{testSecret}})
	b.at(vector.at)
	send := func() *http.Response {
		return b.post(openPath, vector.body, "Webhook-Id", vector.id, "Webhook-Timestamp", vector.timestamp, "Webhook-Signature", vector.signature)
	}
	send()
	if got := text(t, send()); !strings.Contains(got, `"duplicate":true`) || len(b.stored(t)) != 1 {
		t.Errorf("got %s", got)
	}
}

// TestStandardWebhooks takes what the library signs that senders use.
func TestStandardWebhooks(t *testing.T) {
	modules := os.Getenv("PIPELINE_NODE_MODULES")
	if modules == "" {
		t.Skip("PIPELINE_NODE_MODULES does not name a node_modules folder with standardwebhooks; .ci/run sets it")
	}
	b := newBench(t, pipeline.Options{"path": openPath, "secret": []string{testSecret}})
	bodies := []string{`{"id": 1}`, `{"name": "Zoë \"Z\""}`, "", "[1,\n2]"}
	var in strings.Builder
	for i, body := range bodies {
		if err := json.NewEncoder(&in).Encode(map[string]string{"id": "msg_" + string(rune('a'+i)), "body": body}); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "node", "testdata/sign.mjs", modules, testSecret)
	cmd.Stdin, cmd.Stderr = strings.NewReader(in.String()), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(strings.NewReader(string(out)))
	for i := 0; lines.Scan(); i++ {
		var h map[string]string
		if err := json.Unmarshal(lines.Bytes(), &h); err != nil {
			t.Fatal(err)
		}
		var headers []string
		for name, text := range h {
			headers = append(headers, name, text)
		}
		if r := b.post(openPath, bodies[i], headers...); r.StatusCode != 202 {
			t.Errorf("%q: %d", bodies[i], r.StatusCode)
		}
		if r := b.post(openPath, bodies[i]+" ", headers...); r.StatusCode != 401 {
			t.Errorf("%q with a space more: %d", bodies[i], r.StatusCode)
		}
	}
	if got := len(b.stored(t)); got != len(bodies) {
		t.Errorf("%d of %d are stored", got, len(bodies))
	}
}
