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
//	  event: {doc: id of the event, type: string, required: true}
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
// with one that names no next.
package rest
