package pipeline

// reference.go: the keys of a mapping file, once. Decoding knows a key by them,
// and the reference in docs/mapping.md and the schema for editors are written
// from them.

// Key is a key that the mapping language has, apart from the options of
// connectors.
type Key struct {
	Name    string
	Form    KeyForm
	Takes   string   // what it takes, for the reference
	Default string   // what holds without it, for the reference: a value in backquotes, "required", or words
	Values  []string // the only ones there are, where there are few
}

// KeyForm is what stands behind a key.
type KeyForm string

// The forms of values. A number or true is a text too; ${NAME} may stand in all
// but expressions and types.
const (
	FormText        KeyForm = "text"
	FormInteger     KeyForm = "integer"
	FormBoolean     KeyForm = "boolean"
	FormExpression  KeyForm = "expression"
	FormType        KeyForm = "type"
	FormTexts       KeyForm = "texts"       // a list
	FormExpressions KeyForm = "expressions" // names with an expression each
	FormSource      KeyForm = "source"
	FormFields      KeyForm = "fields"
	FormLookups     KeyForm = "lookups"
	FormRejects     KeyForm = "rejects"
	FormSinks       KeyForm = "sinks"
	FormSchedule    KeyForm = "schedule"
)

// Section is the keys of one part of a mapping, in the order of the reference.
type Section []Key

// The parts of a mapping.
var (
	MappingKeys = Section{
		{Name: "version", Takes: "`1`", Default: "required", Form: FormInteger, Values: []string{"1"}},
		{Name: "name", Takes: "letters, digits, dots, dashes, underscores; reject files are named after it", Default: "the file's name", Form: FormText},
		{Name: "description", Takes: "text", Form: FormText},
		{Name: "extends", Takes: "the path of a mapping that this one is put over", Form: FormText},
		{Name: "source", Takes: "one connector with its options, and the keys below", Default: "required", Form: FormSource},
		{Name: "schedule", Takes: "when `pipeline serve` runs it: `\"*/15 * * * *\"` in UTC, or the keys below", Default: "when it is run", Form: FormSchedule},
		{Name: "each", Takes: "names with a list each: a row per element", Default: "a row per record", Form: FormExpressions},
		{Name: "let", Takes: "names with an expression each, for use in `where` and `fields`", Form: FormExpressions},
		{Name: "where", Takes: "an expression that says true or false: which records become rows", Default: "all", Form: FormExpression},
		{Name: "key", Takes: "names of fields: what makes a row the same row", Form: FormTexts},
		{Name: "lookups", Takes: "tables in CSV files, for `lookup(\"countries\", country)`", Form: FormLookups},
		{Name: "fields", Takes: "columns, in order, with an expression each", Default: "required", Form: FormFields},
		{Name: "schema", Takes: "the JSON Schema of a row (draft-07 or 2020-12)", Default: "no checks", Form: FormText},
		{Name: "rejects", Takes: "where rejects go and how many there may be, with the keys below", Default: "`NAME.rejects.jsonl`, any number", Form: FormRejects},
		{Name: "sinks", Takes: "a list of connectors with their options", Default: "required", Form: FormSinks},
	}
	SourceKeys = Section{
		{Name: "connection", Takes: "whose credentials: those of `pipeline auth login`, or the token in `PIPELINE_<CONNECTION>_TOKEN`", Default: "the connector's name", Form: FormText},
		{Name: "stream", Takes: "which list of the connector", Default: "its first", Form: FormText},
		{Name: "schema", Takes: "a JSON Schema of the records, in place of the connector's", Default: "the stream's", Form: FormText},
		{Name: "rate", Takes: "`500/min`, `8/s`, `40/4s`, `1000/h`; never above the connector's", Default: "the connector's", Form: FormText},
		{Name: "concurrency", Takes: "calls in flight; never above the connector's", Default: "the connector's", Form: FormInteger},
		{Name: "rate_override", Takes: "`true` where your contract allows more", Default: "`false`", Form: FormBoolean},
		{Name: "sync", Takes: "`full`, or `incremental` where the stream can say what changed", Default: "`full`", Form: FormText, Values: []string{"full", "incremental"}},
		{Name: "tape", Takes: "`on` keeps what was fetched beside the mapping, `off` does not", Default: "`on`", Form: FormText, Values: []string{"on", "off"}},
		{Name: "resume", Takes: "how old an interrupted run may be to be gone on with, such as `24h`", Default: "`24h`", Form: FormText},
		{Name: "drift", Takes: "`warn` says where records differ from their schema, `fail` ends the run for it", Default: "`warn`", Form: FormText, Values: []string{"warn", "fail"}},
		{Name: "reconcile", Takes: "how often `pipeline serve` pulls everything beside what is pushed, such as `1h`", Default: "never", Form: FormText},
	}
	ScheduleKeys = Section{
		{Name: "cron", Takes: "minute, hour, day, month, weekday, as in `\"0 2 * * MON-FRI\"`; or `@hourly`, `@daily`, `@every 20m`", Default: "required", Form: FormText},
		{Name: "timezone", Takes: "whose clock that is, such as `Asia/Singapore`", Default: "`UTC`", Form: FormText},
	}
	FieldKeys = Section{
		{Name: "value", Takes: "the expression", Default: "required", Form: FormExpression},
		{Name: "type", Takes: "`string`, `integer`, `number`, `boolean`, `date`, `timestamp`, `decimal(p,s)`, `list(T)`, `json`: convert to it, without loss, or reject", Default: "the target schema's, or what the expression gives", Form: FormType},
		{Name: "timezone", Takes: "where a day begins, when a timestamp becomes a date", Default: "`UTC`", Form: FormText},
		{Name: "required", Takes: "`true` rejects a record in which the value is null", Default: "`false`", Form: FormBoolean},
		{Name: "description", Takes: "what the column means", Form: FormText},
	}
	LookupKeys = Section{
		{Name: "path", Takes: "the CSV file", Default: "required", Form: FormText},
		{Name: "key", Takes: "the column that `lookup` looks in", Default: "required", Form: FormText},
		{Name: "value", Takes: "the column that it gives", Default: "required", Form: FormText},
	}
	RejectsKeys = Section{
		{Name: "path", Takes: "the file, one JSON object a line", Default: "`NAME.rejects.jsonl`", Form: FormText},
		{Name: "max", Takes: "a count such as `100` or a share such as `5%`: more of them end the run, and nothing is published", Default: "any number", Form: FormText},
		{Name: "retry", Takes: "`true` lets a run that reads only what changed map open rejects again", Default: "`false`", Form: FormBoolean},
	}
)

// Names are the keys of a section.
func (s Section) Names() []string {
	names := make([]string, len(s))
	for i, k := range s {
		names[i] = k.Name
	}
	return names
}
