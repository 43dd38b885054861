// Package rest is the engine behind connectors that are declared in YAML.
//
// A declaration says where an API is, how it wants to be asked and what its
// answers look like; the engine does the rest, the same for all of them: rate
// limit, credentials, retries, timeouts, paging and resuming.
//
//	name: gevme
//	summary: Attendees of a GEVME event
//	docs: https://www.gevme.com/apiv2/docs
//	base_url: https://www.gevme.com/apiv2/api   # https, or http on this machine
//	options:                                    # what a mapping says beside base_url and page_size
//	  event: {doc: id of the event, type: string, required: true} # else only streams that use it need it
//	auth:                                       # one of oauth2, bearer, basic, header, or none
//	  oauth2: {authorize: /oauth/authorize, token: /oauth/access_token, callback: get, scope: root}
//	limit: {rate: 500/min, concurrency: 4}
//	status: {404: skip, 419: login again}       # where a status means something else than usual
//	streams:
//	  attendees:
//	    path: /events/{event}/attendees         # {name} is an option
//	    query: {expand: answers}                # the same in every request
//	    key: id
//	    records: [".", items, data]             # where the list may be; "." is the answer itself
//	    page: {style: offset, param: offset, size: {param: limit, default: 1000, max: 1000}}
//	    detail: /events/{event}/attendees/{id}  # a call per listed record, see below
//	    listed: [id, email]                     # what the sandbox lists where details say more
//	    incremental: {param: modifiedFrom, form: unix_ms, field: updated_at} # also unix, rfc3339
//	    schema: gevme.attendee.schema.json
//	sandbox: {records: 2500}
//
// The paging styles, each with size and total where the API has them:
//
//	page: {style: none}                                  # the list comes in one piece
//	page: {style: offset, param: offset}                 # records to leave out
//	page: {style: page, param: page, first: 1}           # number of the page
//	page: {style: cursor, param: after, next: meta.next} # what the last answer said
//	page: {style: link, next: links.next}                # an address in the answer, or in its Link header
//
// The pages of a list are asked for one after another and at most one ahead.
// A list ends with an empty page, with its known total and, where pages are
// counted, with a page that is shorter than asked for; where they are linked,
// with one that names no next. So an API that caps its pages below what it is
// asked for, and tells no total, ends a counted list with its first page: declare
// as max what it really gives.
//
// # Details
//
// Where a list says little, detail is the address of one record; a {name} in it
// is an option, or else a member of the listed record. The record is then what
// the list says of it with what the detail says over it: members that both have
// are the detail's. Details are asked for beside each other, as many as the limit
// has calls in flight; records come in the order of the list. A record that does
// not say its address, or whose detail is gone (404 or 410, unless status says
// otherwise), is rejected as detail-failed and the rest goes on. Any other failure
// ends the run.
//
// # Changes
//
// incremental names the parameter by which a list gives only what was changed
// after a time, the form of that time, and the member of a record that tells it.
//
// # Tape
//
// With a tape, every answer is on it before it is used, by "GET" and the path
// below base_url with its parameters in order. What is there is not asked for
// again: it takes no call, no token and nothing of the limit. A page is on it as
// its body; the answer that there is nothing, and the place of the next page
// where pages are linked, stand on a line before the body.
//
// # Limit
//
// No rolling window holds more calls than the limit: a slot is free again one
// window after the answer to its call, and Retry-After pauses everybody. With
// Engine.ShareLimits that is so over all processes of a user on this machine that
// have the same connector, base URL and connection. They share a file, a few
// kilobytes that are read and written for each call. Calls of a process that is
// gone are over one second after that is noticed; a file that cannot be understood
// counts as a limit that is used up; and where it cannot be written, no call is
// made.
package rest
