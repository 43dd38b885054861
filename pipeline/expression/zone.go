// zone.go: time zones by name, loaded once. They come with the program where
// the machine has none, so that the same mapping runs everywhere.

package expression

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"
	_ "time/tzdata" // for machines without zone files
)

// maxZones is how many names are remembered. There are about 600 zones; what is
// beyond are names that a record made up.
const maxZones = 1000

var (
	zones     sync.Map // name to *time.Location, or to nil for one that there is not
	zoneCount atomic.Int32
)

// loadZone is the zone of an IANA name.
func loadZone(name string) (*time.Location, error) {
	if known, ok := zones.Load(name); ok {
		if zone := known.(*time.Location); zone != nil {
			return zone, nil
		}
		return nil, unknownZone()
	}
	var zone *time.Location
	if isZoneName(name) {
		zone, _ = time.LoadLocation(name)
	}
	if zoneCount.Add(1) <= maxZones {
		zones.Store(strings.Clone(name), zone)
	}
	if zone == nil {
		return nil, unknownZone()
	}
	return zone, nil
}

// isZoneName reports whether name has the form of a zone's name. "Local" has
// not: it would be another zone on another machine.
func isZoneName(name string) bool {
	if name == "" || name == "Local" || len(name) > 64 {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("_+-/", r)
	})
}

func unknownZone() error {
	return because(codeValue, `there is no such time zone; they are called "Asia/Singapore", "Europe/Berlin", "UTC"`)
}

func checkZone(name string) error {
	_, err := loadZone(name)
	return err
}
