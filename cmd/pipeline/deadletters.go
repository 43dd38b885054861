package main

// deadletters.go: deliveries that serve gave up, for `pipeline rejects`. They are in
// the store of the serve that runs, which is asked.

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/serve/history"
)

// deadFlags say which deliveries, and what to do with them.
type deadFlags struct {
	deliveries, drop    bool
	sink, reason, since string
	status              int
}

// check reports flags that do not go together.
func (d deadFlags) check(cmd *cobra.Command, f runFlags) error {
	if !d.deliveries {
		for _, flag := range []string{"drop", "sink", "status", "reason", "since"} {
			if cmd.Flags().Changed(flag) {
				return usage("--%s is about deliveries that serve gave up; add --deliveries", flag)
			}
		}
		return nil
	}
	if d.drop && f.replay {
		return usage("--replay tries deliveries again and --drop lets them go: say one of them")
	}
	if d.since != "" {
		if _, err := parseMoment("--since", d.since, time.Now()); err != nil {
			return err
		}
	}
	return nil
}

// serveClient asks a serve that runs.
type serveClient struct {
	url, token string
	http       *http.Client
}

// errNotServed says that no serve runs.
var errNotServed = errors.New("no serve is running")

// servedAt is the serve that keeps its state in that folder; errNotServed where none
// runs.
func servedAt(place string) (*serveClient, error) {
	src, err := os.ReadFile(addressFile(place))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNotServed
	}
	var at serveAddress
	if err == nil {
		err = json.Unmarshal(src, &at)
	}
	if err != nil {
		return nil, fmt.Errorf("read where serve answers: %w", err)
	}
	token, err := os.ReadFile(filepath.Join(place, "token"))
	if err != nil {
		return nil, fmt.Errorf("read the token of serve: %w", err)
	}
	// It is this machine's own, and its certificate is for the name that others use.
	own := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}} //nolint:gosec // see above
	return &serveClient{at.URL, strings.TrimSpace(string(token)), &http.Client{Timeout: 30 * time.Second, Transport: own}}, nil
}

// ask calls the API, and reads its answer into out.
func (s *serveClient) ask(ctx context.Context, method, path string, query url.Values, out any) error {
	r, err := http.NewRequestWithContext(ctx, method, s.url+path+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	answer, err := s.http.Do(r)
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) {
			err = at.Err
		}
		return fmt.Errorf("%w at %s: %w", errNotServed, s.url, err)
	}
	defer func() { _ = answer.Body.Close() }() // only read
	body, err := io.ReadAll(io.LimitReader(answer.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("ask serve at %s: %w", s.url, err)
	}
	if answer.StatusCode/100 != 2 {
		var said struct {
			Error string `json:"error"`
		}
		_ = json.Unmarshal(body, &said) // without it the status has to do
		return fmt.Errorf("serve at %s says: %s", s.url, cmp.Or(said.Error, answer.Status))
	}
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(out); err != nil {
		return fmt.Errorf("read the answer of serve at %s: %w", s.url, err)
	}
	return nil
}

// query is the filter, as the API has it.
func (f deadFlags) query(mapping string) url.Values {
	q := url.Values{"client": {mapping}}
	if f.status != 0 {
		q.Set("status", strconv.Itoa(f.status))
	}
	for name, text := range map[string]string{"sink": f.sink, "reason": f.reason, "since": f.since} {
		if text != "" {
			q.Set(name, text)
		}
	}
	return q
}

// deadOf are the open ones of a mapping.
func (s *serveClient) deadOf(ctx context.Context, mapping string, f deadFlags) ([]history.DeadEntry, error) {
	var all []history.DeadEntry
	query := f.query(mapping)
	query.Set("limit", "1000")
	for {
		var page struct {
			Dead []history.DeadEntry `json:"dead"`
		}
		if err := s.ask(ctx, http.MethodGet, "/api/v1/dead", query, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Dead...)
		if len(page.Dead) < 1000 {
			return all, nil
		}
		query.Set("before", strconv.FormatUint(page.Dead[len(page.Dead)-1].Seq, 10))
	}
}

// deadLetters lists the deliveries of a mapping that were given up, or deals with
// them.
func (a *app) deadLetters(ctx context.Context, c checked, f runFlags, d deadFlags) error {
	place := filepath.Join(stateFolder(f.state, c.file), "serve")
	s, err := servedAt(place)
	var dead []history.DeadEntry
	if err == nil {
		dead, err = s.deadOf(ctx, c.plan.Name(), d)
	}
	switch {
	case errors.Is(err, errNotServed):
		return fmt.Errorf("%w; what could not be delivered is in its store: start it with pipeline serve %s", err, diag.ShellWord(filepath.Dir(c.file)))
	case err != nil:
		return err
	case f.replay:
		return a.settleDead(ctx, s, c, d, "replay", len(dead), f.json)
	case d.drop:
		return a.settleDead(ctx, s, c, d, "drop", len(dead), f.json)
	case f.json:
		return json.NewEncoder(a.stdout).Encode(map[string]any{"mapping": c.plan.Name(), "open": len(dead), "dead": append([]history.DeadEntry{}, dead...)})
	}
	if len(dead) == 0 {
		if names := c.plan.SinkNames(); d.sink != "" && !slices.Contains(names, d.sink) {
			return usage("%s has no sink %q, and none of that name has given up a delivery; it has %s", c.plan.Name(), d.sink, strings.Join(names, ", "))
		}
		return a.noDead(ctx, s, c)
	}
	return a.printDead(c, dead)
}

// noDead says that nothing was given up, and what is not there all the same.
func (a *app) noDead(ctx context.Context, s *serveClient, c checked) error {
	var client struct {
		Destinations []struct {
			Sink, Disabled string
			Waiting        int
		}
	}
	if err := s.ask(ctx, http.MethodGet, "/api/v1/clients/"+url.PathEscape(c.plan.Name()), nil, &client); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%s: no delivery was given up\n", c.plan.Name())
	for _, to := range client.Destinations {
		if to.Disabled != "" {
			fmt.Fprintf(a.stdout, "  %s: nothing is sent there any more: %s; once it is back, say so on the page of serve\n", to.Sink, printable(to.Disabled, shownReason))
		}
		if to.Waiting > 0 {
			fmt.Fprintf(a.stdout, "  %s: %s for another try\n", to.Sink, deliveriesAre(to.Waiting, "waits", "wait"))
		}
	}
	return nil
}

// settleDead tries them again, or lets them go.
func (a *app) settleDead(ctx context.Context, s *serveClient, c checked, d deadFlags, do string, n int, asJSON bool) error {
	var done struct {
		Count int `json:"count"`
	}
	if n > 0 {
		query := d.query(c.plan.Name())
		query.Set("expect", strconv.Itoa(n))
		if err := s.ask(ctx, http.MethodPost, "/api/v1/dead/"+do, query, &done); err != nil {
			return err
		}
	}
	if asJSON {
		return json.NewEncoder(a.stdout).Encode(map[string]any{"mapping": c.plan.Name(), "done": do, "count": done.Count})
	}
	words := map[string]string{"replay": "tried again, with the same idempotency key", "drop": "let go"}
	_, err := fmt.Fprintf(a.stdout, "%s: %s %s\n", c.plan.Name(), deliveriesAre(done.Count, "is", "are"), words[do])
	return err
}

// printDead prints deliveries that were given up, by sink and reason.
func (a *app) printDead(c checked, dead []history.DeadEntry) error {
	type cause struct{ sink, reason string }
	var order []cause
	counts, oldest := map[cause]int{}, map[cause]time.Time{}
	for _, e := range dead { // the newest first
		key := cause{e.Sink, printable(e.Reason, shownReason)}
		if counts[key]++; counts[key] == 1 {
			order = append(order, key)
		}
		oldest[key] = e.Died
	}
	fmt.Fprintf(a.stdout, "%s: %s given up\n", c.plan.Name(), deliveriesAre(len(dead), "was", "were"))
	for _, key := range order {
		fmt.Fprintf(a.stdout, "  %s× %s: %s (the first: %s)\n", diag.Thousands(counts[key]), key.sink, key.reason, oldest[key].Local().Format("2006-01-02 15:04"))
	}
	file := diag.ShellWord(c.file)
	_, err := fmt.Fprintf(a.stdout, "when the receiver can take them: pipeline rejects %s --deliveries --replay\nwhen nobody needs them:          pipeline rejects %s --deliveries --drop\n", file, file)
	return err
}

// deliveriesAre is a number of deliveries with its verb.
func deliveriesAre(n int, one, many string) string {
	if n == 1 {
		return "1 delivery " + one
	}
	return diag.Thousands(n) + " deliveries " + many
}

// mentionDead says after the rejects of a mapping that there are deliveries too,
// where a serve runs that knows.
func (a *app) mentionDead(ctx context.Context, c checked, f runFlags) {
	s, err := servedAt(filepath.Join(stateFolder(f.state, c.file), "serve"))
	if err != nil {
		return
	}
	dead, err := s.deadOf(ctx, c.plan.Name(), deadFlags{})
	if err != nil || len(dead) == 0 {
		return // it was not asked for
	}
	fmt.Fprintf(a.stdout, "%s given up as well: pipeline rejects %s --deliveries\n", deliveriesAre(len(dead), "was", "were"), diag.ShellWord(c.file))
}
