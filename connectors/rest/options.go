package rest

import (
	"fmt"
	"net"
	"slices"

	"pipeline/pipeline"
)

// The options that every declared connector takes.
const (
	optionBaseURL  = "base_url"
	optionPageSize = "page_size"
	optionPush     = "push" // of those with a stream that is pushed
)

// pipelineOptions is what a mapping may say to the connector.
func (d *declaration) pipelineOptions() []pipeline.Option {
	size := pipeline.Option{Name: optionPageSize, Type: pipeline.TypeInteger, Tuning: true, Doc: "records per call; the lists of this connector come in one piece, so that it changes nothing"}
	if initial, most := d.pageSizes(); most > 0 {
		size.Doc = fmt.Sprintf("records per call, at most %d", most)
		size.Max = most
		if initial > 0 {
			size.Default = initial
		}
	}
	options := append(slices.Clone(d.options),
		pipeline.Option{Name: optionBaseURL, Type: pipeline.TypeString, Default: d.baseURL, Doc: "where the API is; https, or http on this machine"},
		size)
	if d.isPushed() {
		options = append(options, pipeline.Option{Name: optionPush, Type: pipeline.TypeGroup, Tuning: true, Group: pipeline.PushOptionList(), Doc: "what the platform pushes to pipeline serve, beside what is pulled"})
	}
	return options
}

// isPushed reports whether the platform pushes one of the streams.
func (d *declaration) isPushed() bool {
	return slices.ContainsFunc(d.streams, func(s stream) bool { return s.pushed != nil })
}

// pageSizes is the page size that streams have by default, 0 where they
// differ, and the largest that all of them take, 0 where none can be asked for.
func (d *declaration) pageSizes() (initial, most int64) {
	for _, s := range d.streams {
		size := s.paging.size
		if size.param == "" {
			continue
		}
		switch {
		case most == 0:
			initial, most = size.initial, size.max
		case initial != size.initial:
			initial = 0
		}
		most = min(most, size.max)
	}
	return initial, most
}

// check is what is wrong with options beyond their types.
func (d *declaration) check(o pipeline.Options) []pipeline.OptionError {
	var out []pipeline.OptionError
	if base, given := o[optionBaseURL].(string); given {
		if _, problem, hint := parseBaseURL(base); problem != "" {
			out = append(out, pipeline.OptionError{Option: optionBaseURL, Message: problem, Hint: hint})
		}
	}
	if size, given := o[optionPageSize].(int64); given {
		_, most := d.pageSizes()
		switch {
		case size < 1:
			out = append(out, pipeline.OptionError{Option: optionPageSize, Message: fmt.Sprintf("page_size is %d", size), Hint: "it must be at least 1"})
		case most > 0 && size > most:
			out = append(out, pipeline.OptionError{Option: optionPageSize, Message: fmt.Sprintf("page_size is %d", size), Hint: fmt.Sprintf("%s allows %d", d.name, most)})
		}
	}
	if push, given := o[optionPush].(pipeline.Options); given {
		_, wrong := pipeline.NewPush(push, pipeline.Stream{}) // which stream changes nothing of that
		for _, e := range wrong {
			e.Option = optionPush + "." + e.Option
			out = append(out, e)
		}
	}
	return append(out, d.checkPaths(o)...)
}

// checkPaths looks for values that could not stand in a path: escaping does not
// help against "..", which servers take for the folder above all the same.
func (d *declaration) checkPaths(o pipeline.Options) []pipeline.OptionError {
	var out []pipeline.OptionError
	seen := map[string]bool{}
	for _, s := range d.streams {
		names := s.path.names
		if s.detail != nil {
			names = append(slices.Clone(names), s.detail.names...)
		}
		for _, name := range names {
			value, given := o[name]
			if seen[name] || !given {
				continue
			}
			seen[name] = true
			switch text := optionText(value); text {
			case "":
				out = append(out, pipeline.OptionError{Option: name, Message: name + " is empty", Hint: "it is part of an address"})
			case ".", "..":
				out = append(out, pipeline.OptionError{Option: name, Message: fmt.Sprintf("%s is %q", name, text), Hint: "it is part of an address, in which dots alone mean a folder"})
			}
		}
	}
	return out
}

// isLoopback reports whether a host is this machine.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
