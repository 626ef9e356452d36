package pprofproto

// tables gathers what samples have in common: texts, functions and locations, each with a number. Texts
// are numbered from 0, which is the empty one, all else from 1.
type tables struct {
	out       message // the profile; functions and locations are added to it when they are first met
	texts     []string
	textIDs   map[string]uint64
	functions map[function]uint64
	locations map[Frame]uint64
}

type function struct{ name, file string }

// theMapping is the number of the only mapping: the program.
const theMapping = 1

func newTables() *tables {
	return &tables{
		texts:     []string{""},
		textIDs:   map[string]uint64{"": 0},
		functions: map[function]uint64{},
		locations: map[Frame]uint64{},
	}
}

// text returns the number of a text.
func (t *tables) text(s string) uint64 {
	id, known := t.textIDs[s]
	if !known {
		id = uint64(len(t.texts))
		t.textIDs[s] = id
		t.texts = append(t.texts, s)
	}
	return id
}

func (t *tables) valueType(v ValueType) (m message) {
	m.number(valueTypeType, t.text(v.Type))
	m.number(valueTypeUnit, t.text(v.Unit))
	return m
}

// mapping says that nothing is left to be symbolised.
func (t *tables) mapping(binary string) (m message) {
	m.number(mappingID, theMapping)
	m.number(mappingFilename, t.text(binary))
	m.bool(mappingHasFunctions, true)
	m.bool(mappingHasFilenames, true)
	m.bool(mappingHasLineNumbers, true)
	return m
}

func (t *tables) sample(s Sample) (m message) {
	stack := make([]uint64, len(s.Stack))
	for i, f := range s.Stack {
		stack[i] = t.location(f)
	}
	values := make([]uint64, len(s.Values))
	for i, v := range s.Values {
		values[i] = uint64(v)
	}
	m.numbers(sampleLocationID, stack)
	m.numbers(sampleValue, values)
	for _, l := range s.Labels {
		m.bytes(sampleLabel, t.label(l))
	}
	return m
}

func (t *tables) label(l Label) (m message) {
	m.number(labelKey, t.text(l.Key))
	m.number(labelStr, t.text(l.Text))
	m.number(labelNum, uint64(l.Num))
	m.number(labelNumUnit, t.text(l.Unit))
	return m
}

// location returns the number of a place in the code. Frames that were inlined have locations of their
// own, of the address that they share.
func (t *tables) location(f Frame) uint64 {
	if id, known := t.locations[f]; known {
		return id
	}
	id := uint64(len(t.locations) + 1)
	t.locations[f] = id

	var line, m message
	line.number(lineFunctionID, t.function(function{f.Function, f.File}))
	line.number(lineLine, uint64(f.Line))
	m.number(locationID, id)
	m.number(locationMappingID, theMapping)
	m.number(locationAddress, f.PC)
	m.bytes(locationLine, line)
	t.out.bytes(profileLocation, m)
	return id
}

func (t *tables) function(f function) uint64 {
	if id, known := t.functions[f]; known {
		return id
	}
	id := uint64(len(t.functions) + 1)
	t.functions[f] = id

	var m message
	m.number(functionID, id)
	m.number(functionName, t.text(f.name))
	m.number(functionSystemName, t.text(f.name))
	m.number(functionFilename, t.text(f.file))
	t.out.bytes(profileFunction, m)
	return id
}
