package resource

import "strconv"

// FormatBytes returns n in the largest unit that divides it, such as "64MiB", or the empty string where the plain number
// is clearer.
func FormatBytes(n int64) string {
	const step, most = 1024, 1 << 20 // a larger multiple is no clearer than the number of bytes
	unit := -1
	units := []string{"KiB", "MiB", "GiB", "TiB"}
	for n > 0 && n%step == 0 && unit < len(units)-1 {
		n /= step
		unit++
	}
	if unit < 0 || n >= most {
		return ""
	}
	return strconv.FormatInt(n, 10) + units[unit]
}

// SizeOf returns the value of an attribute as people write a size, such as 64MiB. It returns "" for a value that is no size, for
// one that is clearer as a number, and for a nil attribute.
func SizeOf(a *Attribute, v any) string {
	if n, ok := v.(int64); ok && a != nil && a.Type == TypeBytes {
		return FormatBytes(n)
	}
	return ""
}
