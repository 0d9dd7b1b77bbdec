package cgroup

// Top is the cgroup of all realms.
const Top = "/kukeon"
