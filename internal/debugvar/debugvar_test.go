package debugvar_test

import (
	"testing"
	"time"

	"github.com/spanheap/spanheap/internal/debugvar"
	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	with := func(change func(*debugvar.Settings)) debugvar.Settings {
		s := debugvar.Defaults()
		change(&s)
		return s
	}
	for _, c := range []struct {
		value    string
		want     debugvar.Settings
		warnings []string
	}{
		{"", debugvar.Defaults(), nil},
		{" , ,", debugvar.Defaults(), nil},
		{"check=2,guard=1000", with(func(s *debugvar.Settings) { s.Check, s.Guard = 2, 1000 }), nil},
		{"trace=1, interval=250ms", with(func(s *debugvar.Settings) { s.Trace, s.Interval = true, 250*time.Millisecond }), nil},
		{"exit=1,profile=heap.pb.gz,attach=0", with(func(s *debugvar.Settings) { s.Exit, s.Profile, s.Attach = true, "heap.pb.gz", false }), nil},
		{"crash=1", with(func(s *debugvar.Settings) { s.Crash = true }), nil},
		{"guard=0", with(func(s *debugvar.Settings) { s.Guard = 0 }), nil},
		{"trace=1,trace=0", debugvar.Defaults(), nil},
		{"chek=1,trace=1", with(func(s *debugvar.Settings) { s.Trace = true }), []string{`unknown key "chek", want one of attach, check, crash, exit, guard, interval, profile, trace`}},
		{"check=4", debugvar.Defaults(), []string{"check=4: want a whole number from 0 to 3"}},
		{"check", debugvar.Defaults(), []string{"check=: want a whole number from 0 to 3"}},
		{"exit=yes", debugvar.Defaults(), []string{"exit=yes: want 0 or 1"}},
		{"interval=5", debugvar.Defaults(), []string{"interval=5: want a duration of at least 10ms, as 5s"}},
		{"interval=1ms", debugvar.Defaults(), []string{"interval=1ms: want a duration of at least 10ms, as 5s"}},
		{"profile=", debugvar.Defaults(), []string{"profile=: want the name of a file"}},
	} {
		got, warnings := debugvar.Parse(c.value)
		require.Equal(t, c.want, got, c.value)
		require.Equal(t, c.warnings, warnings, c.value)
	}
}

// Whatever the variable holds, every setting stays within its bounds.
func FuzzParse(f *testing.F) {
	f.Add("check=1,guard=100,trace=1,interval=5s,exit=1,profile=f,attach=0")
	f.Fuzz(func(t *testing.T, value string) {
		s, _ := debugvar.Parse(value)
		require.True(t, 0 <= s.Check && s.Check <= debugvar.MaxCheck)
		require.True(t, -1 <= s.Guard)
		require.True(t, s.Interval >= debugvar.MinInterval)
	})
}
