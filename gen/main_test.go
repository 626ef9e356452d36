package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFileAndStandardOutputGetTheSameBytes(t *testing.T) {
	for _, args := range [][]string{nil, {"-page", "4096", "-objects=4", "-max", "16384"}} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitOK, run(args, &stdout, &stderr))
		require.Empty(t, stderr.String())

		dash := new(bytes.Buffer)
		require.Equal(t, exitOK, run(append(args, "-o", "-"), dash, &stderr))
		require.Equal(t, stdout.String(), dash.String())

		file := filepath.Join(t.TempDir(), "classes.go")
		require.NoError(t, os.WriteFile(file, bytes.Repeat([]byte("longer than the tables\n"), 1000), 0o600))
		quiet := new(bytes.Buffer)
		require.Equal(t, exitOK, run(append(args, "-o", file), quiet, &stderr))
		require.Empty(t, quiet.String())
		written, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, stdout.String(), string(written))
	}
}

func TestNonsenseExitsWith2AndWritesNothing(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"value out of range": {[]string{"-page", "3000"}, "gen: -page 3000: not a power of two\n"},
		"no classes":         {[]string{"-waste", "0.01"}, "gen: -waste 0.01 (with"},
		"value no number":    {[]string{"-max", "32K"}, `invalid value "32K" for flag -max`},
		"value too long":     {[]string{"-objects", "99999999999999999999"}, `for flag -objects: value out of range`},
		"unknown flag":       {[]string{"-pages", "4"}, "flag provided but not defined: -pages"},
		"argument":           {[]string{"classes.go"}, `gen: unexpected argument "classes.go"`},
		"no file name":       {[]string{"-o", ""}, "gen: -o: the name of the file is empty\n"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "classes.go")
			var stdout, stderr bytes.Buffer
			require.Equal(t, exitUsage, run(append([]string{"-o", file}, test.args...), &stdout, &stderr))
			require.Contains(t, stderr.String(), test.want)
			require.Empty(t, stdout.String())
			require.NoFileExists(t, file)
		})
	}
}

func TestANoteTellsThatSpansHaveFewerSlotsThanAskedFor(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitOK, run([]string{"-objects", "33"}, &stdout, &stderr))
	require.Equal(t, "gen: -objects 33: the spans of 9 of 67 classes have fewer, as many as -maxpages 128, exact reciprocals and no larger tails allow; "+
		"those of 21760 bytes have 9\n", stderr.String())
	require.Contains(t, stdout.String(), "objectsGoal = 33 ")
}

func TestFailureToWriteExitsWith1(t *testing.T) {
	var stdout, stderr bytes.Buffer
	file := filepath.Join(t.TempDir(), "missing", "classes.go")
	require.Equal(t, exitWrite, run([]string{"-o", file}, &stdout, &stderr))
	require.Contains(t, stderr.String(), file)

	stderr.Reset()
	require.Equal(t, exitWrite, run(nil, brokenPipe{}, &stderr))
	require.Equal(t, "gen: broken pipe\n", stderr.String())
}

func TestHelpNamesEveryFlag(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitOK, run([]string{"-h"}, &stdout, &stderr))
	for _, flag := range []string{"-page", "-max", "-waste", "-objects", "-maxpages", "-even", "-o"} {
		require.Regexp(t, `(?m)^  `+flag+`( |$)`, stderr.String())
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }
