package rest

// token.go: the token of a Read. It is asked for when the first call is made, for
// what is on the tape needs none, and again when it runs out or is refused.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"pipeline/pipeline"
)

// credentials is the token that the callers of a Read share, and the header of
// every call with it.
type credentials struct {
	mu     sync.Mutex // held while a token is asked for, so that one caller does it
	header http.Header
	token  pipeline.Token
}

// login is the header of a call, and the token that is in it.
func (s *session) login(ctx context.Context) (http.Header, pipeline.Token, error) {
	c := &s.credentials
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.header == nil {
		token, err := s.firstToken()
		if err == nil && !token.Stale(time.Now()) {
			err = s.use(token)
		}
		if err != nil {
			return nil, pipeline.Token{}, err
		}
		c.token = token
	}
	if c.token.Stale(time.Now()) {
		token, err := s.fresh(ctx, c.token)
		if err == nil && token.Value == "" {
			err = s.loginFault(fmt.Errorf("it has run out; log in again: %s", s.d.loginCommand(s.connection, s.base.String())))
		}
		if err == nil {
			err = s.use(token)
		}
		if err != nil {
			return nil, pipeline.Token{}, err
		}
	}
	return c.header, c.token, nil
}

// renew replaces a token that was refused, where that can be done without a
// person. A token that another caller has replaced meanwhile is tried first.
func (s *session) renew(ctx context.Context, refused pipeline.Token) (bool, error) {
	c := &s.credentials
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token.Value != refused.Value {
		return true, nil
	}
	token, err := s.fresh(ctx, refused)
	if err != nil || token.Value == "" || token.Value == refused.Value {
		return false, err
	}
	return true, s.use(token)
}

// firstToken is what the world has for the connection.
func (s *session) firstToken() (pipeline.Token, error) {
	if s.d.auth.style == authNone {
		return pipeline.Token{}, nil
	}
	if s.world.Token == nil {
		return pipeline.Token{}, s.loginFault(fmt.Errorf("there is none; set %s", TokenVariable(s.connection)))
	}
	token, err := s.world.Token(s.connection)
	if err != nil {
		return pipeline.Token{}, fmt.Errorf("%s: %w", s.d.name, err)
	}
	return token, nil
}

// fresh is a token in place of old, without a value where there is none.
func (s *session) fresh(ctx context.Context, old pipeline.Token) (pipeline.Token, error) {
	if s.world.Renew == nil || s.d.auth.style != authOAuth2 {
		return pipeline.Token{}, nil
	}
	token, err := s.world.Renew(ctx, s.connection, old)
	if err != nil {
		return pipeline.Token{}, fmt.Errorf("%s: %w", s.d.name, err)
	}
	return token, nil
}

// use puts a token into the header of the calls to come.
func (s *session) use(token pipeline.Token) error {
	header := http.Header{
		"Accept":          {"application/json"},
		"Accept-Encoding": {"gzip"},
		"User-Agent":      {"pipeline"},
	}
	switch {
	case s.d.auth.style == authNone:
	case token.Value == "":
		return s.loginFault(fmt.Errorf("it is empty; set %s", TokenVariable(s.connection)))
	case s.d.auth.style != authBasic && !plainText(token.Value):
		return s.loginFault(errors.New("it holds a line break or another character that no token has; copy it again"))
	}
	s.d.auth.apply(header, token)
	s.credentials.header, s.credentials.token = header, token
	return nil
}

// token is the text of the token in use, which nothing that is kept or shown may
// hold; empty before the first call.
func (s *session) token() string {
	s.credentials.mu.Lock()
	defer s.credentials.mu.Unlock()
	return s.credentials.token.Value
}

// tokenSource is where the token in use was found.
func (s *session) tokenSource() string {
	s.credentials.mu.Lock()
	defer s.credentials.mu.Unlock()
	return s.credentials.token.Source
}
