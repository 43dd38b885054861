package main

import (
	"strconv"
	"time"
)

// dice are the random choices of one record. The generator is SplitMix64,
// written out here so that no release of Go changes the records.
type dice struct{ state uint64 }

func (d *dice) roll(n int) int {
	d.state += 0x9e3779b97f4a7c15
	z := d.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	return int(z >> 32 * uint64(n) >> 32)
}

// percent is true in p of 100 cases.
func (d *dice) percent(p int) bool { return d.roll(100) < p }

func pick[T any](d *dice, from []T) T { return from[d.roll(len(from))] }

// The ways in which a record breaks the target's contract.
const (
	fine = iota
	emailWithoutAt
	emailTwice
	emailNull
	idMissing
	idText
	idFraction
	priceWords
	priceNegative
	countryLong
	createdImpossible
	checkedInText
	firstNameNumber
	kindsOfFault
)

var otherZones = []*time.Location{
	time.FixedZone("", 8*3600), time.FixedZone("", 9*3600), time.FixedZone("", 5*3600+1800), time.FixedZone("", -5*3600), time.FixedZone("", -8*3600), time.FixedZone("", 0),
}

// firstDay is 2024-01-01T00:00:00Z.
const firstDay = 1704067200

// appendRecord appends record i with a line break.
func appendRecord(dst []byte, i int) []byte {
	d := &dice{state: uint64(i) * 0xd1342543de82ef95}
	fault := fine
	if d.percent(1) {
		fault = 1 + d.roll(kindsOfFault-1)
	}
	ascii := d.roll(8) == 0
	dst = append(dst, '{')
	dst = appendID(dst, d, i, fault)
	dst = appendPerson(dst, d, ascii, fault)
	dst = appendTicket(dst, d, ascii, fault)
	dst = appendTimes(dst, d, fault)
	dst = appendAnswers(dst, d, ascii)
	return append(dst, "}\n"...)
}

func appendID(dst []byte, d *dice, i, fault int) []byte {
	id := 25_000_000 + int64(i)*7
	if d.roll(16) == 0 {
		id = 1<<53 + 1 + int64(i)*2
	}
	switch fault {
	case idMissing:
		return dst
	case idText:
		dst = append(dst, `"id":"A-`...)
		dst = strconv.AppendInt(dst, id, 10)
		return append(dst, `",`...)
	case idFraction:
		dst = append(dst, `"id":`...)
		dst = strconv.AppendInt(dst, id, 10)
		return append(dst, ".5,"...)
	}
	dst = append(dst, `"id":`...)
	dst = strconv.AppendInt(dst, id, 10)
	return append(dst, ',')
}

func appendPerson(dst []byte, d *dice, ascii bool, fault int) []byte {
	dst = append(dst, `"first_name":`...)
	if fault == firstNameNumber {
		dst = append(dst, `42`...)
	} else {
		dst = append(dst, pick(d, firstNames).as(ascii)...)
	}
	dst = append(dst, `,"last_name":`...)
	dst = append(dst, pick(d, lastNames).as(ascii)...)
	dst = append(dst, `,"email":`...)
	dst = appendEmail(dst, d, fault)
	dst = append(dst, `,"company":`...)
	dst = appendTextOrNull(dst, d, companies, ascii, 5)
	dst = append(dst, `,"job_title":`...)
	dst = appendTextOrNull(dst, d, jobTitles, ascii, 3)
	dst = append(dst, `,"country":"`...)
	dst = append(dst, pick(d, codes)...)
	if fault == countryLong {
		dst = append(dst, 'P')
	}
	dst = append(dst, `","phone":"`...)
	dst = append(dst, pick(d, phones)...)
	dst = strconv.AppendInt(dst, int64(1_000_000+d.roll(9_000_000)), 10)
	dst = append(dst, `","status":`...)
	if d.percent(10) {
		return append(dst, `"cancelled"`...)
	}
	return append(dst, pick(d, statuses)...)
}

func appendEmail(dst []byte, d *dice, fault int) []byte {
	if fault == emailNull {
		return append(dst, "null"...)
	}
	spaces := d.percent(5)
	dst = append(dst, '"')
	if spaces {
		dst = append(dst, "  "...)
	}
	dst = append(dst, pick(d, locals)...)
	dst = strconv.AppendInt(dst, int64(d.roll(100_000)), 10)
	switch fault {
	case emailWithoutAt:
		dst = append(dst, " at "...)
	case emailTwice:
		dst = append(dst, "@@"...)
	default:
		dst = append(dst, '@')
	}
	dst = append(dst, pick(d, domains)...)
	if spaces {
		dst = append(dst, ' ')
	}
	return append(dst, '"')
}

func appendTicket(dst []byte, d *dice, ascii bool, fault int) []byte {
	dst = append(dst, `,"ticket":{"name":`...)
	dst = appendTextOrNull(dst, d, tickets, ascii, 3)
	dst = append(dst, `,"group":`...)
	dst = append(dst, pick(d, groups)...)
	dst = append(dst, `,"price":"`...)
	if fault == priceWords {
		return append(dst, `free"}`...)
	}
	if fault == priceNegative {
		dst = append(dst, '-')
	}
	dst = strconv.AppendInt(dst, int64(1+d.roll(1500)), 10)
	cents := d.roll(100)
	dst = append(dst, '.', byte('0'+cents/10), byte('0'+cents%10))
	return append(dst, `"}`...)
}

func appendTimes(dst []byte, d *dice, fault int) []byte {
	created := time.Unix(firstDay+int64(d.roll(2*365*86400)), 0).UTC()
	updated := created.Add(time.Duration(d.roll(30*86400)) * time.Second)
	if d.percent(5) {
		created = created.In(pick(d, otherZones))
	}
	dst = append(dst, `,"created_at":"`...)
	if fault == createdImpossible {
		dst = append(dst, "2025-02-30T10:00:00Z"...)
	} else {
		dst = created.AppendFormat(dst, time.RFC3339)
	}
	dst = append(dst, `","updated_at":"`...)
	dst = updated.AppendFormat(dst, time.RFC3339)
	dst = append(dst, `","checked_in":`...)
	switch {
	case fault == checkedInText:
		return append(dst, `"yes","check_in_date":null`...)
	case d.percent(60):
		return append(dst, `false,"check_in_date":null`...)
	}
	dst = append(dst, `true,"check_in_date":"`...)
	dst = updated.Add(12*time.Hour).AppendFormat(dst, time.RFC3339)
	return append(dst, '"')
}

// answersTo are what may be answered to each of the questions.
var answersTo = [][]text{functions, diets, heard, interests, sizes, sessions, requests, consents}

func appendAnswers(dst []byte, d *dice, ascii bool) []byte {
	dst = append(dst, `,"custom_fields":[`...)
	for i, question := range questions {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"question":`...)
		dst = append(dst, question.as(ascii)...)
		dst = append(dst, `,"answer":`...)
		dst = appendTextOrNull(dst, d, answersTo[i], ascii, 6)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

func appendTextOrNull(dst []byte, d *dice, from []text, ascii bool, percentNull int) []byte {
	if d.percent(percentNull) {
		return append(dst, "null"...)
	}
	return append(dst, pick(d, from).as(ascii)...)
}
