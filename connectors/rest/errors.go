package rest

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"pipeline/pipeline"
	"pipeline/pipeline/diag"
)

// Reason is what kind of thing went wrong with a call.
type Reason string

// The reasons.
const (
	LoginAgain  Reason = "login-again" // the token is missing, or not good any more
	Forbidden   Reason = "forbidden"   // the user behind the token may not see this
	NotFound    Reason = "not-found"   // there is no such thing; most often a wrong id
	Limited     Reason = "limited"     // the platform asks to wait longer than we do
	Unavailable Reason = "unavailable" // no answer, or one that says that the platform has a problem
	BadAnswer   Reason = "bad-answer"  // an answer that is not what was declared
	TooLarge    Reason = "too-large"   // an answer above the size limit
	Refused     Reason = "refused"     // any other status, or an address that we do not follow
)

// Error is why a call to a platform came to nothing, in words for the person
// who runs the mapping. It never holds a token, a query or anything of an
// answer's content.
type Error struct {
	Reason    Reason
	Connector string
	Method    string
	Path      string // of the address, escaped; what comes from a record is left out
	Status    int    // of the last answer; 0 where there was none
	Tries     int    // calls made for it
	Message   string // what is wrong and what to do about it
	Err       error  // the cause, where there is one

	retry bool          // asking again may help
	after time.Duration // how long the platform asked us to wait before that
}

// Error names the connector, the call, the status and the cause.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s %s: ", e.Connector, e.Method, diag.Crop(e.Path, 200))
	if e.Status != 0 && e.Reason != BadAnswer && e.Reason != TooLarge {
		b.WriteString(statusWords(e.Status) + ": ")
	}
	b.WriteString(e.Message)
	if e.Tries > 1 {
		fmt.Fprintf(&b, " (gave up after %d tries)", e.Tries)
	}
	return b.String()
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

func statusWords(status int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
}

// fault is a new error about a call.
func (c *caller) fault(u *url.URL, reason Reason, message string) *Error {
	return &Error{Reason: reason, Connector: c.d.name, Method: http.MethodGet, Path: cmp.Or(c.shown, u.EscapedPath()), Tries: 1, Message: message}
}

// statusFault is what a status that is not a success means to people.
func (c *caller) statusFault(u *url.URL, res *http.Response) *Error {
	e := c.fault(u, Refused, "the platform refused the call")
	e.Status = res.StatusCode
	meaning := c.d.means(e.Status)
	switch {
	case meaning == meansLogin:
		e.Reason = LoginAgain
		e.Message = c.refusedWords()
	case meaning == meansRetry:
		e.retry, e.after = true, pipeline.RetryAfter(res.Header.Get("Retry-After"), time.Now())
		e.Reason, e.Message = Unavailable, "the platform has a problem; run again later"
		if e.Status == http.StatusTooManyRequests {
			e.Reason, e.Message = Limited, "the platform's own limit was reached; lower rate in the mapping, or see who else uses these credentials"
		}
	case e.Status == http.StatusForbidden:
		e.Reason = Forbidden
		e.Message = fmt.Sprintf("the user behind the token of connection %q may not see %s, or the organisation is not enabled for these credentials; ask for access on the platform", c.connection, c.subject)
	case e.Status == http.StatusNotFound:
		e.Reason = NotFound
		e.Message = fmt.Sprintf("there is no %s; check the id and base_url", c.subject)
	}
	return e
}

// refusedWords is what to do about a token that is not accepted.
func (c *caller) refusedWords() string {
	what := "is not accepted any more"
	if c.d.auth.oauth.neverExpires {
		what = "is not accepted: it was withdrawn, or is of another platform"
	}
	variable := TokenVariable(c.connection)
	todo := fmt.Sprintf("set %s to a fresh token", variable)
	if c.d.auth.style == authOAuth2 {
		todo = c.d.loginCommand(c.connection, c.base.String())
		if c.tokenSource() == variable {
			todo += fmt.Sprintf("; %s goes before that login: unset it, or set it to a fresh token", variable)
		}
	}
	return fmt.Sprintf("the token of connection %q %s; log in again: %s", c.connection, what, todo)
}

// loginFault is a call that cannot be made for want of a token.
func (s *session) loginFault(err error) error {
	return fmt.Errorf("%s: the token of connection %q: %w", s.d.name, s.connection, err)
}

// brief is what happened, without the advice that is for the end of a run.
func (e *Error) brief() string {
	if e.Status != 0 && (e.Status < 200 || e.Status > 299) {
		return strings.TrimSpace(fmt.Sprintf("the platform answered %d %s", e.Status, http.StatusText(e.Status)))
	}
	return e.Message
}
