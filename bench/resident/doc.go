// Package resident tells how much memory of the process is resident, where the system says so.
package resident
