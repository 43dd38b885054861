package web_test

// plan_test.go: a mapping, as those of the fake's clients are.

import (
	"os"
	"testing"

	"pipeline/connectors"
	"pipeline/connectors/rest"
	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

const planFile = "mappings/acme.yaml"

// hookSecret stands in the path of a hook, and on no page.
const hookSecret = "acme-0123456789abcdef0123456789abcdef"

const planText = `version: 1
name: acme
description: Attendees of Acme Summit
source:
  gevme: {event: "25198085", push: {path: /hooks/` + hookSecret + `}}
  connection: acme
  stream: attendees
  reconcile: 1h
schedule: {cron: "*/15 * * * *", timezone: Asia/Singapore}
where: (status ?? "registered") != "cancelled"
key: [attendee_id]
fields:
  attendee_id: string(id)
  email: lower(trim(email ?? ""))
  amount: {value: ticket.price, type: "decimal(10,2)"}
sinks:
  - csv: {path: acme.csv, mode: merge}
  - webhook: {url: "https://api.example.com/in/T024BE7LD12345678", secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}
`

func compiled(t *testing.T) *pipeline.Plan {
	t.Helper()
	m, diags := pipeline.Parse(planFile, []byte(planText))
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	plan, diags := m.Compile(pipeline.Setup{Registry: connectors.All(rest.New()), Files: &pipeline.Files{Read: os.ReadFile, Seen: diag.Files{}}})
	if plan == nil {
		t.Fatal(diags)
	}
	return plan
}

func planFiles(t *testing.T) diag.Files {
	t.Helper()
	return diag.Files{planFile: []byte(planText)}
}
