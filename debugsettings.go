package spanheap

import (
	"os"
	"strings"

	"github.com/spanheap/spanheap/internal/debugvar"
)

// debugVariable is read once, before main: see internal/debugvar for its keys.
const debugVariable = "SPANHEAPDEBUG"

// settings are what the variable asks for; written once, before main.
var settings = readSettings()

// readSettings warns in one line on the standard error of all that it does not understand.
func readSettings() debugvar.Settings {
	s, warnings := debugvar.Parse(os.Getenv(debugVariable))
	if len(warnings) > 0 {
		os.Stderr.WriteString("spanheap: " + debugVariable + ": " + strings.Join(warnings, "; ") + "\n")
	}
	return s
}
