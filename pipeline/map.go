package pipeline

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"pipeline/pipeline/diag"
	"pipeline/pipeline/expression"
	"pipeline/pipeline/internal/jsonrow"
	"pipeline/pipeline/schema"
	"pipeline/pipeline/value"
)

// job is one page on its way through a mapper to the writer. Jobs are recycled,
// with all memory that they point into.
type job struct {
	page *Page
	dec  *jsonrow.Decoder // holds the text of values that had escapes
	made expression.Arena // holds the text of values that expressions made
	done chan struct{}    // gets a value when the mapper is through

	weight int64 // what page takes of the room that there is

	more  bool          // the mapper goes on with the page when this much of it is written
	again chan struct{} // gets a value when it may

	batch    Batch
	items    []int // the record of each row, by its index in the page
	read     int   // records, of which what follows tells
	mapped   int   // records that made rows
	filtered int   // records that made none
	rejected []rejected
	lines    []byte // the rejects as they will stand in the reject file
	huge     bool   // its record was, and the decoder has memory for it
	drift    drift  // what differs from the source's schema; the places are items of the page
	out      outgoing
	pushes   pushCounts
	late     map[int]bool // records of which a newer version was seen

	encoded   []encoded // the rows, for each file of the run
	onlyBytes bool      // batch stays empty: all there is of the rows is encoded
	changed   bool      // the writer took rows out of batch
}

// push is the push that the page came in; 0: it was not pushed.
func (j *job) push() uint64 {
	if len(j.page.Records) == 0 {
		return 0
	}
	return j.page.Records[0].Push
}

func newJob(p *Plan) *job {
	return &job{dec: jsonrow.NewDecoder(p.projection), done: make(chan struct{}, 1), again: make(chan struct{}, 1)}
}

// rejected is a reject and its place in its page.
type rejected struct {
	item int
	key  []byte // for the ledger; nil where it is not known
	reject
}

// mapper turns records into rows. It belongs to one goroutine.
type mapper struct {
	plan    *Plan
	machine *expression.Machine
	slots   []value.Value
	row     []value.Value
	item    int // index of the record in its page
	made    int // columns of row that are made; -1 where the record could not be read
	rows    int // of the job before the record
	start   int // bytes of texts that were made before it

	part func(*job) bool // waits until what a job holds was written; nil: a page is not written in parts

	holds []func(row []value.Value) (column int, err error) // of sinks that cannot keep every row

	seen *sighting // nil: nobody asks what is covered
	look func()    // is told of every row that is tried, when its slots are filled; nil: nobody looks
}

func newMapper(p *Plan, now time.Time) *mapper {
	m := &mapper{plan: p, machine: expression.NewMachine(now), slots: make([]value.Value, p.slots), row: make([]value.Value, len(p.columns))}
	for i := range p.sinks {
		if holder := p.sinks[i].connector.Holder; holder != nil {
			m.holds = append(m.holds, holder(p.columns))
		}
	}
	return m
}

// page maps the records of j's page into j's batch and rejects. Each record ends
// in exactly one of three ways: as rows, filtered, or rejected. A record of many
// rows of which one is bad is rejected whole, so that its reject can be mapped
// again without delivering the others twice. Where much comes of a page it is
// written part by part; false is a page of which nobody wants the rest.
func (m *mapper) page(j *job) bool {
	m.reset(j)
	for i := range j.page.Records {
		if j.size() > maxJob && m.part != nil {
			if !m.part(j) {
				return false
			}
			m.reset(j)
		}
		rows := len(j.items)
		j.keep()
		m.item = i
		m.made = -1
		m.rows, m.start = rows, j.made.Size()
		why := m.record(j, &j.page.Records[i])
		j.read++
		for _, question := range m.machine.NewQuestions() {
			j.drift.add(Drift{Kind: driftQuestion, What: diag.Crop(question, maxQuestion)}, 1, func(d *Drift) { d.Item = i })
		}
		switch {
		case why != nil:
			j.drop(rows)
			j.rejected = append(j.rejected, rejected{item: i, key: m.ledgerKey(), reject: *why})
			j.lines = m.plan.appendReject(j.lines, j.page, i, m.key(), *why)
		case len(j.items) > rows:
			j.mapped++
		default:
			j.filtered++
		}
	}
	return true
}

// record appends the rows of one record to the batch.
func (m *mapper) record(j *job, rec *Record) *reject {
	m.machine.NextRecord()
	if rec.kept != nil && rec.kept.stays {
		return &rec.kept.reject
	}
	if rec.Fault != nil {
		return &reject{code: rec.Fault.Code, reason: rec.Fault.Reason}
	}
	if err := j.dec.Decode(rec.Text, m.slots[:m.plan.projection.Slots()]); err != nil {
		var e *jsonrow.Error
		errors.As(err, &e)
		return &reject{code: e.Code, reason: e.Reason}
	}
	j.drifted(m.item)
	m.made = 0
	return m.elements(j, m.plan.each)
}

// elements makes the rows of every element of the lists of each:, the first
// outermost; without each: that is one row.
func (m *mapper) elements(j *job, each []eachStep) (why *reject) {
	if len(each) == 0 {
		return m.rowOf(j)
	}
	e := &each[0]
	list, err := m.eval(&e.step)
	switch {
	case err != nil:
		return m.broken(&e.step, "each "+e.name, err)
	case list.IsNull():
		return &reject{code: codeEach, field: "each " + e.name, reason: "the list is null; say what that means with ?? [] (no row) or ?? [{}] (one row without it)", value: m.reads(&e.step)}
	case list.Kind() != value.List:
		return &reject{code: codeEach, field: "each " + e.name, reason: "is " + list.Kind().String() + ", a list is wanted", value: m.reads(&e.step)}
	}
	slots := m.slots[e.from : e.from+e.projection.Slots()]
	err = jsonrow.ElementsOf(list.Text(), func(elem []byte) {
		if why != nil {
			return
		}
		if err := j.dec.DecodeElement(e.projection, elem, slots); err != nil {
			why = &reject{code: codeEach, field: "each " + e.name, reason: err.Error()}
			return
		}
		j.drifted(m.item)
		why = m.elements(j, each[1:])
	})
	if err != nil {
		return &reject{code: codeEach, field: "each " + e.name, reason: err.Error()}
	}
	return why
}

// rowOf makes one row, unless where: says that there is none. The names of let:
// that where: does not need are worked out after it: a record that is filtered
// is not rejected for them.
func (m *mapper) rowOf(j *job) *reject {
	m.made = 0
	if m.look != nil {
		m.look()
	}
	if why := m.let(true); why != nil {
		return why
	}
	if m.plan.where != nil {
		keep, why := m.where()
		if m.seen != nil && why == nil {
			m.seen.kept, m.seen.filtered = m.seen.kept || keep, m.seen.filtered || !keep
		}
		if why != nil || !keep {
			return why
		}
	}
	if why := m.let(false); why != nil {
		return why
	}
	for i := range m.plan.fields {
		v, why := m.field(&m.plan.fields[i])
		if why != nil {
			return why
		}
		m.row[i] = v
		m.made = i + 1
	}
	if m.seen != nil {
		m.seen.checked(m)
	}
	if m.plan.check != nil {
		if broken := m.plan.check.Check(m.row); broken != nil {
			return m.violation(broken)
		}
	}
	for _, holds := range m.holds {
		if column, err := holds(m.row); err != nil {
			return &reject{code: codeConversion, field: m.plan.columns[column].Name, reason: err.Error(), value: m.row[column].AppendJSON(nil)}
		}
	}
	if m.seen != nil {
		m.seen.made(m)
	}
	if m.tooMany(j) {
		return &reject{code: codeEachRows, field: "each " + m.plan.each[0].name, reason: fmt.Sprintf("makes more than %d MiB of rows, the most that one record may", maxRows>>20)}
	}
	j.add(m.item, m.row)
	return nil
}

func (m *mapper) violation(broken *schema.Violation) *reject {
	r := &reject{code: broken.Code, reason: broken.Reason}
	if broken.Column >= 0 {
		r.field = m.plan.columns[broken.Column].Name
		r.value = m.row[broken.Column].AppendJSON(nil)
	}
	return r
}

// let works out names of let:, those that where: needs or the others.
func (m *mapper) let(early bool) *reject {
	for i := range m.plan.lets {
		l := &m.plan.lets[i]
		if l.early != early {
			continue
		}
		v, err := m.eval(&l.step)
		if err != nil {
			return m.broken(&l.step, "let "+l.name, err)
		}
		m.slots[l.slot] = v
	}
	return nil
}

// eval runs an expression; a bare path is a copy of its slot.
func (m *mapper) eval(s *step) (value.Value, error) {
	if s.program.Bare() {
		if v := m.slots[s.at[0]]; v.Kind() != value.Invalid {
			return v, nil
		}
	}
	return m.machine.Eval(s.program, m.slots, s.at)
}

func (m *mapper) where() (keep bool, why *reject) {
	s := m.plan.where
	v, err := m.eval(s)
	switch {
	case err != nil:
		return false, m.broken(s, "where", err)
	case v.Kind() == value.Boolean:
		return v.Bool(), nil
	case v.IsNull():
		return false, &reject{code: codeWhere, field: "where", reason: "where gave null, which is neither true nor false; say what null means with ?? true or ?? false", value: m.reads(s)}
	}
	return false, &reject{code: codeWhere, field: "where", reason: "where gave " + v.Kind().String() + ", and has to say true or false", value: m.reads(s)}
}

func (m *mapper) field(f *fieldStep) (value.Value, *reject) {
	v, err := m.eval(&f.step)
	if err != nil {
		return v, m.broken(&f.step, f.name, err)
	}
	if f.declared.Known() {
		converted, err := value.Convert(v, f.declared, f.zone)
		if err != nil {
			return v, &reject{code: codeConversion, field: f.name, reason: err.Error(), value: v.AppendJSON(nil)}
		}
		v = converted
	}
	if f.required && v.IsNull() {
		return v, &reject{code: codeRequired, field: f.name, reason: "is null, and the field is required", value: m.reads(&f.step)}
	}
	return v, nil
}

// broken is the reject for an expression that could not be worked out: where it
// stands, and what it read.
func (m *mapper) broken(s *step, field string, err error) *reject {
	r := &reject{code: "expression-error", field: field, reason: err.Error(), value: m.reads(s)}
	var e *expression.EvalError
	if errors.As(err, &e) {
		at := s.locate.Span(e.From, e.To)
		r.code = e.Code
		r.reason = fmt.Sprintf("%s (%s:%d:%d)", e.Message, s.file, at.Start.Line, at.Start.Column)
	}
	return r
}

// reads is what an expression read, as JSON: the value where it is one, else an
// object by path.
func (m *mapper) reads(s *step) []byte {
	reads := s.program.Reads()
	switch len(reads) {
	case 0:
		return nil
	case 1:
		return m.slots[s.at[0]].AppendJSON(nil)
	}
	dst := []byte{'{'}
	for i, r := range reads {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = value.AppendJSONString(dst, strings.Join(r.Path, "."))
		dst = append(dst, ':')
		dst = m.slots[s.at[i]].AppendJSON(dst)
	}
	return append(dst, '}')
}

// key is what tells a rejected record from others, as a JSON object: the
// record's own key, or the columns of key: where they were made.
func (m *mapper) key() []byte {
	if m.made < 0 {
		return nil
	}
	if k := m.plan.recordKey; k != nil && !m.slots[k.slot].IsNull() {
		return m.member([]byte{'{'}, k.name, m.slots[k.slot], '}')
	}
	if len(m.plan.key) == 0 {
		return nil
	}
	dst := []byte{'{'}
	for i, column := range m.plan.key {
		if column >= m.made {
			return nil
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = m.member(dst, m.plan.columns[column].Name, m.row[column], 0)
	}
	return append(dst, '}')
}

// ledgerKey is the key of a rejected record where it is known: a record that is
// rejected is not gone.
func (m *mapper) ledgerKey() []byte {
	if !m.plan.keyed || len(m.plan.each) > 0 {
		return nil
	}
	for _, column := range m.plan.key {
		if column >= m.made {
			return nil
		}
	}
	return AppendKey(nil, m.row, m.plan.key)
}

func (m *mapper) member(dst []byte, name string, v value.Value, end byte) []byte {
	dst = value.AppendJSONString(dst, name)
	dst = append(dst, ':')
	dst = v.AppendJSON(dst)
	if end != 0 {
		dst = append(dst, end)
	}
	return dst
}
