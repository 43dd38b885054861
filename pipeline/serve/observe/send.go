package observe

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// send.go: an alert on its way. They go one after the other; one that does not
// arrive is tried again with growing pauses, while the others wait for it.

// alertPauses are those after each try; after the last one there is one more.
var alertPauses = []time.Duration{time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour}

const alertTimeout = 15 * time.Second // of one try

func (a *Alerts) send(ctx context.Context) {
	client := http.Client{Transport: a.o.Client.Transport, Timeout: alertTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for {
		select {
		case <-ctx.Done():
			return
		case alert := <-a.queue:
			a.deliver(ctx, &client, alert)
		}
	}
}

// deliver sends one alert, with the same ID each time.
func (a *Alerts) deliver(ctx context.Context, client *http.Client, alert Alert) {
	body, err := json.Marshal(alert)
	if err == nil {
		err = a.try(ctx, client, alert, body)
	}
	if err != nil {
		a.o.Log.Error("an alert is lost", "alert", alert.Type, "mapping", alert.Data.Mapping, "text", alert.Text, "error", err.Error())
	}
}

func (a *Alerts) try(ctx context.Context, client *http.Client, alert Alert, body []byte) error {
	id := "msg_" + rand.Text()
	for i := 0; ; i++ {
		final, err := a.post(ctx, client, id, body)
		if err == nil || final || i == len(alertPauses) {
			return err
		}
		if i == 0 {
			a.o.Log.Warn("the webhook for alerts takes none; it is tried again", "alert", alert.Type, "mapping", alert.Data.Mapping, "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(alertPauses[i]):
		}
	}
}

// post makes one try. final says that another one makes no sense.
func (a *Alerts) post(ctx context.Context, client *http.Client, id string, body []byte) (final bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.o.URL, bytes.NewReader(body))
	if err != nil {
		return true, errors.New("the address makes no request")
	}
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "pipeline")
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", stamp)
	if len(a.key) > 0 {
		mac := hmac.New(sha256.New, a.key)
		fmt.Fprintf(mac, "%s.%s.%s", id, stamp, body)
		req.Header.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	res, err := client.Do(req)
	if err != nil {
		var where *url.Error
		if errors.As(err, &where) { // without the address, which may be the secret
			err = where.Err
		}
		return false, err
	}
	defer func() { _ = res.Body.Close() }() // only read
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer))
	switch code := res.StatusCode; {
	case code/100 == 2:
		return false, nil
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= 500:
		return false, fmt.Errorf("it answers %s", res.Status)
	}
	return true, fmt.Errorf("it answers %s", res.Status)
}

// signingKey is a secret of Standard Webhooks as bytes.
func signingKey(secret string) ([]byte, error) {
	if secret == "" {
		return nil, nil
	}
	text, ok := strings.CutPrefix(secret, "whsec_")
	key, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(key) < 24 || len(key) > 64 {
		return nil, errors.New("the secret for alerts has to be whsec_ and 24 to 64 bytes in base64, such as: echo whsec_$(openssl rand -base64 32)")
	}
	return key, nil
}
