package pipeline

import (
	"encoding/json"
	"testing"
	"time"
)

func TestPeriod(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Minute: "1m", 10 * time.Minute: "10m", time.Hour: "1h", 10 * time.Hour: "10h", 24 * time.Hour: "24h",
		90 * time.Minute: "1h30m", time.Hour + time.Second: "1h0m1s", 20 * time.Second: "20s", 0: "0s",
	} {
		text, err := json.Marshal(Period(d))
		if err != nil || string(text) != `"`+want+`"` {
			t.Errorf("%v is %s, want %s: %v", d, text, want, err)
		}
		var back Period
		if err := json.Unmarshal(text, &back); err != nil || back.Duration() != d {
			t.Errorf("%s is read as %v, %v", text, back, err)
		}
	}
	var p Period
	if err := json.Unmarshal([]byte(`"often"`), &p); err == nil || err.Error() != `"often" is no time; it is written as 30m, 1h or 24h` {
		t.Errorf("%v", err)
	}
}
