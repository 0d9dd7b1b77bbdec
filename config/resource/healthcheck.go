package resource

import "time"

// Healthcheck tells whether the container works, by exactly one of Exec, HTTP and TCP.
type Healthcheck struct {
	Exec               []string `json:"exec,omitempty" kuke:"recorded,check=argument" doc:"Command to run in the container; exit status 0 is healthy."`
	HTTP               string   `json:"http,omitempty" kuke:"recorded" doc:"URL to fetch from within the cell; a status below 400 is healthy."`
	TCP                string   `json:"tcp,omitempty" kuke:"recorded" doc:"host:port to connect to from within the cell."`
	IntervalSeconds    int64    `json:"intervalSeconds,omitempty" kuke:"recorded,min=1,max=86400,default=5" doc:"Seconds between two checks."`
	TimeoutSeconds     int64    `json:"timeoutSeconds,omitempty" kuke:"recorded,min=1,max=86400,default=5" doc:"Seconds one check may take."`
	Retries            int64    `json:"retries,omitempty" kuke:"recorded,min=1,max=1000,default=3" doc:"Failed checks in a row that make it unhealthy."`
	StartPeriodSeconds int64    `json:"startPeriodSeconds,omitempty" kuke:"recorded,min=0,max=86400" doc:"Seconds after the start in which failed checks do not count. It is checked every second then."`
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
