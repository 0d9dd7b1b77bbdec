package resource

import "time"

// Healthcheck tells whether the container works, by exactly one of Exec, HTTP and TCP. One of a configuration may have none of them:
// then it adjusts the HEALTHCHECK of the image, see [Healthcheck.Over].
type Healthcheck struct {
	Exec                 []string `json:"exec,omitempty" kuke:"recorded,check=argument" doc:"Command to run in the container; exit status 0 is healthy. Without exec, http and tcp, the HEALTHCHECK of the image is used with the other attributes that are set."`
	HTTP                 string   `json:"http,omitempty" kuke:"recorded" doc:"URL to fetch from within the cell; a status below 400 is healthy."`
	TCP                  string   `json:"tcp,omitempty" kuke:"recorded" doc:"host:port to connect to from within the cell."`
	IntervalSeconds      int64    `json:"intervalSeconds,omitempty" kuke:"recorded,min=1,max=86400,default=5" doc:"Seconds between two checks."`
	TimeoutSeconds       int64    `json:"timeoutSeconds,omitempty" kuke:"recorded,min=1,max=86400,default=5" doc:"Seconds one check may take."`
	Retries              int64    `json:"retries,omitempty" kuke:"recorded,min=1,max=1000,default=3" doc:"Failed checks in a row that make it unhealthy."`
	StartPeriodSeconds   int64    `json:"startPeriodSeconds,omitempty" kuke:"recorded,min=0,max=86400" doc:"Seconds after the start in which failed checks do not count."`
	StartIntervalSeconds int64    `json:"startIntervalSeconds,omitempty" kuke:"recorded,min=1,max=86400" doc:"Seconds between two checks until the container is first healthy. Default: 1 in the start period, and interval_seconds after it."`
	OnUnhealthy          string   `json:"onUnhealthy,omitempty" kuke:"recorded,check=onunhealthy,default=none" doc:"Action on a container that becomes unhealthy: none or restart. kuke health run restarts it, or else the next apply."`
	Disable              bool     `json:"disable,omitempty" kuke:"recorded" doc:"No check, even if the image has a HEALTHCHECK."`
}

// UnhealthyRestart is the [Healthcheck.OnUnhealthy] of a container that is restarted when it becomes unhealthy.
const UnhealthyRestart = "restart"

// HasProbe reports whether h says how to check.
func (h *Healthcheck) HasProbe() bool { return len(h.Exec) > 0 || h.HTTP != "" || h.TCP != "" }

// Over returns the check of a container with the check h of its configuration, made from an image with the given HEALTHCHECK: each
// may be nil. The result is nil if the container is not checked.
func (h *Healthcheck) Over(image *Healthcheck) *Healthcheck {
	switch {
	case h == nil:
		return image
	case h.Disable, !h.HasProbe() && image == nil:
		return nil
	case h.HasProbe():
		return h
	}
	check := *image
	for _, set := range []struct {
		to   *int64
		from int64
	}{
		{&check.IntervalSeconds, h.IntervalSeconds}, {&check.TimeoutSeconds, h.TimeoutSeconds}, {&check.Retries, h.Retries},
		{&check.StartPeriodSeconds, h.StartPeriodSeconds}, {&check.StartIntervalSeconds, h.StartIntervalSeconds},
	} {
		if set.from != 0 {
			*set.to = set.from
		}
	}
	check.OnUnhealthy = h.OnUnhealthy
	return &check
}

// The defaults of a healthcheck.
const (
	defaultCheckSeconds = 5
	defaultCheckRetries = 3
)

// Interval returns the time between two checks.
func (h *Healthcheck) Interval() time.Duration { return checkSeconds(h.IntervalSeconds) }

// Timeout returns the maximum duration of one check.
func (h *Healthcheck) Timeout() time.Duration { return checkSeconds(h.TimeoutSeconds) }

// StartPeriod returns the time after the start in which failed checks do not count.
func (h *Healthcheck) StartPeriod() time.Duration {
	return time.Duration(h.StartPeriodSeconds) * time.Second
}

// startPeriodInterval is the default time between two checks in the start period.
const startPeriodInterval = time.Second

// StartInterval returns the time between two checks of a container that has not been healthy yet, for the given time since its
// start. It is at most [Healthcheck.Interval].
func (h *Healthcheck) StartInterval(since time.Duration) time.Duration {
	switch {
	case h.StartIntervalSeconds != 0:
		return min(h.Interval(), time.Duration(h.StartIntervalSeconds)*time.Second)
	case since < h.StartPeriod():
		return min(h.Interval(), startPeriodInterval)
	}
	return h.Interval()
}

// Tries returns the number of failed checks in a row that make the container unhealthy.
func (h *Healthcheck) Tries() int {
	if h.Retries == 0 {
		return defaultCheckRetries
	}
	return int(h.Retries)
}

func checkSeconds(n int64) time.Duration {
	if n == 0 {
		n = defaultCheckSeconds
	}
	return time.Duration(n) * time.Second
}
