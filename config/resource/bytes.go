package resource

import "strconv"

// FormatBytes returns n with the largest unit that it is a multiple of, such as "64MiB", or the empty string where its
// digits say it best.
func FormatBytes(n int64) string {
	const step, most = 1024, 1 << 20 // of larger multiples the text would say less than the number
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
