// Package pprofproto writes profiles in the format of pprof: a gzip'd message of profile.proto
// (github.com/google/pprof/blob/main/proto/profile.proto), as far as profiles of memory that are
// symbolised already need it.
package pprofproto

import (
	"compress/gzip"
	"io"
	"time"
)

// Profile is a profile in the caller's terms. What profile.proto keeps in tables, texts, functions and
// places in the code, Write gathers.
type Profile struct {
	Types   []ValueType // of each Sample's Values
	Default string      // the Type that is shown first
	Samples []Sample

	Period     int64 // the distance from one sample to the next
	PeriodType ValueType
	Time       time.Time     // when the profile was made
	Duration   time.Duration // how long it was made for; 0 for one of a moment
	Binary     string        // path of the program; may be empty
}

// ValueType says what a number counts.
type ValueType struct{ Type, Unit string }

// Sample is what is known of one stack.
type Sample struct {
	Stack  []Frame // the innermost first
	Values []int64 // as many as the profile has Types
	Labels []Label
}

// Frame is a place in the code.
type Frame struct {
	PC       uint64
	Function string
	File     string
	Line     int
}

// Label is a word about a sample that pprof selects by: a text, or for an empty one a number.
type Label struct {
	Key  string
	Text string
	Num  int64
	Unit string
}

// The fields' numbers, by message.
const (
	profileSampleType        = 1
	profileSample            = 2
	profileMapping           = 3
	profileLocation          = 4
	profileFunction          = 5
	profileStringTable       = 6
	profileTimeNanos         = 9
	profileDurationNanos     = 10
	profilePeriodType        = 11
	profilePeriod            = 12
	profileDefaultSampleType = 14

	valueTypeType = 1
	valueTypeUnit = 2

	sampleLocationID = 1
	sampleValue      = 2
	sampleLabel      = 3

	labelKey     = 1
	labelStr     = 2
	labelNum     = 3
	labelNumUnit = 4

	mappingID             = 1
	mappingFilename       = 5
	mappingHasFunctions   = 7
	mappingHasFilenames   = 8
	mappingHasLineNumbers = 9

	locationID        = 1
	locationMappingID = 2
	locationAddress   = 3
	locationLine      = 4

	lineFunctionID = 1
	lineLine       = 2

	functionID         = 1
	functionName       = 2
	functionSystemName = 3
	functionFilename   = 4
)

// Write writes the profile, compressed. Its error is w's.
func (p *Profile) Write(w io.Writer) error {
	z := gzip.NewWriter(w)
	if _, err := z.Write(p.encode()); err != nil {
		return err
	}
	return z.Close()
}

func (p *Profile) encode() []byte {
	t := newTables()
	for _, v := range p.Types {
		t.out.bytes(profileSampleType, t.valueType(v))
	}
	t.out.bytes(profileMapping, t.mapping(p.Binary))
	for _, s := range p.Samples {
		t.out.bytes(profileSample, t.sample(s))
	}
	t.out.number(profileTimeNanos, uint64(p.Time.UnixNano()))
	if p.Duration > 0 {
		t.out.number(profileDurationNanos, uint64(p.Duration))
	}
	t.out.bytes(profilePeriodType, t.valueType(p.PeriodType))
	t.out.number(profilePeriod, uint64(p.Period))
	t.out.number(profileDefaultSampleType, t.text(p.Default))
	for _, text := range t.texts {
		t.out.bytes(profileStringTable, []byte(text))
	}
	return t.out
}
