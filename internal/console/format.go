package console

import (
	"fmt"
	"strconv"
	"time"
)

// Count formats a number with a comma between thousands: 61,204.
func Count[T int | int32 | int64](n T) string {
	text := strconv.FormatInt(int64(n), 10)
	digits := len(text)
	if n < 0 {
		digits--
	}
	for i := len(text) - 3; digits > 3; i, digits = i-3, digits-3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Bytes formats a size in decimal units: 999 B, 15.6 MB.
func Bytes(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	size, unit := float64(n)/1000, 0
	for size >= 999.95 && unit < len("kMGTPE")-1 {
		size /= 1000
		unit++
	}
	return fmt.Sprintf("%.1f %cB", size, "kMGTPE"[unit])
}

// Duration formats a time, rounded to suit its length: 0.4 s, 12.3 s, 4m 05s, 2h 10m, 3d 04h.
func Duration(d time.Duration) string {
	switch {
	case d < 59950*time.Millisecond:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour-time.Second/2:
		seconds := int(d.Round(time.Second) / time.Second)
		return fmt.Sprintf("%dm %02ds", seconds/60, seconds%60)
	case d < 24*time.Hour-time.Minute/2:
		minutes := int(d.Round(time.Minute) / time.Minute)
		return fmt.Sprintf("%dh %02dm", minutes/60, minutes%60)
	default:
		hours := int(d.Round(time.Hour) / time.Hour)
		return fmt.Sprintf("%dd %02dh", hours/24, hours%24)
	}
}
