package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode"

	"pipeline/connectors"
	"pipeline/connectors/rest"
)

// TestRecordKeepsNobody: no word that people typed is anywhere in the case that is
// written, in what goes in or in what comes out.
func TestRecordKeepsNobody(t *testing.T) {
	t.Chdir(t.TempDir())
	words := []string{
		"Wolfeschlegel", "Siobhán", "O'Sullivan", "Nguyễn", "Müller-Lüdenscheidt", "Żółciński", "الأحمدي", "Достоевский", "さくらこまち", "김민수박지영",
		"Tables'); DROP", "Jean\u00a0Lucien", "Zoe\u0308Zoe\u0308", "Nakamura\nYoshiko", "vegetarian", "wheelchair",
	}
	var input bytes.Buffer
	for i := range 60 {
		one, two := words[i%len(words)], words[(i*7+3)%len(words)]
		src, err := json.Marshal(map[string]any{
			"id": 700100 + i, "name": one + " " + two, "mail": fmt.Sprintf(" %s.%d@Lovelacecorp.com", strings.ToLower(two), 880100+i), "phone": fmt.Sprintf("+65 9123 %04d", 4000+i),
			"born": fmt.Sprintf("1977-11-%02d", i%28+1), "note": one + " asks: =" + two + "\r\n" + strings.ToUpper(one), "status": []string{"here", "gone"}[i%2], "price": "ten"[:i%4],
		})
		if err != nil {
			t.Fatal(err)
		}
		input.Write(append(src, '\n'))
	}
	mapping := `
version: 1
source: {file: {path: in.jsonl}}
where: status != "gone"
key: [id]
fields:
  id: string(id)
  name: name
  mail: lower(trim(mail ?? ""))
  phone: phone
  born: {value: born, type: date}
  note: note
  price: {value: price, type: "decimal(10,2)"}
sinks: [csv: {path: out.csv}, jsonl: {path: out.jsonl}]
`
	for name, src := range map[string]string{"in.jsonl": input.String(), "acme.yaml": mapping} {
		if err := os.WriteFile(name, []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if code := run(context.Background(), []string{"record", "acme.yaml", "--case", "all", "--limit", "60"}, nil, &out, &out); code != exitDone {
		t.Fatalf("exit code %d\n%s", code, &out)
	}
	src, err := os.ReadFile("acme/all.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "wrote acme/all.txtar: 60 records") {
		t.Errorf("not all records are in the case:\n%s", &out)
	}
	_, made, _ := strings.Cut(strings.ToLower(string(src)), "-- input.jsonl --")
	split := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) }
	for _, word := range strings.FieldsFunc(strings.ToLower(strings.Join(words, " ")+" lovelacecorp 700100 880101 1977-11-05"), split) {
		if len([]rune(word)) >= 4 && word != "1977" && strings.Contains(made, word) {
			t.Errorf("%q is in the case", word)
		}
	}
	for _, whole := range []string{"1977-11-05", "9123 4001"} {
		if strings.Contains(made, `: "`+whole) {
			t.Errorf("%q is in the case", whole)
		}
	}
}

// TestInitAsks: on a terminal what the flags do not say is asked for, again where
// the answer is none, and not for ever.
func TestInitAsks(t *testing.T) {
	var asked bytes.Buffer
	answers := []string{"gevm", "gevme", "25198085", "", "parquet", "", "no"}
	ask := &asker{out: &asked, line: func(question string) (string, error) {
		fmt.Fprintln(&asked, question)
		if len(answers) == 0 {
			return "", errors.New("nothing was answered")
		}
		answer := answers[0]
		answers = answers[1:]
		return answer, nil
	}}
	engine := rest.New()
	a := &app{engine: engine, registry: connectors.All(engine)}
	n := newMapping{app: a, ask: ask, name: "acme", file: "acme.yaml"}
	if err := n.answers(); err != nil {
		t.Fatal(err)
	}
	if n.source.Name != "gevme" || n.sourceOptions[0].value != "25198085" || n.flags.connection != "acme" || n.sinkOptions[0].value != "acme.parquet" || n.flags.sandbox {
		t.Errorf("%+v", n.flags)
	}
	want := `where do records come from (gevme, floktu, file): 
there is no "gevm"; did you mean "gevme"?
where do records come from (gevme, floktu, file): 
event, id of the event, the number in the address of its GEVME page: 
the name of the credentials [acme]: 
where do rows go (csv, jsonl, parquet, webhook) [csv]: 
path, file to write; - is stdout [acme.parquet]: 
take records from the sandbox, instead of the platform (yes, no) [yes]: 
`
	if asked.String() != want {
		t.Errorf("asked\n%s\nwant\n%s", &asked, want)
	}
	n = newMapping{app: a, ask: ask, name: "acme"}
	if err := n.answers(); err == nil || err.Error() != "init needs --source NAME. There are gevme, floktu, file." {
		t.Errorf("%v", err)
	}
}
