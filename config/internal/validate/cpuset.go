package validate

import (
	"fmt"

	"github.com/kukeon/kuke/config/resource"
)

// normalCPUSet sorts a list of processors and joins its ranges, as the kernel does.
func normalCPUSet(s string) (string, error) {
	all, err := resource.ParseCPUSet(s)
	if err != nil {
		return "", fmt.Errorf("%w; write numbers and ranges, such as \"0-3,8\"", err)
	}
	return resource.FormatCPUSet(all), nil
}
