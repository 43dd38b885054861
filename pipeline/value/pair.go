package value

// Pair is a question of a form and its answer, as JSON text; each is empty where
// there is none.
type Pair struct{ Question, Answer string }
