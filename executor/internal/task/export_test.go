package task

// Begin and ReviveOrphaned are for tests.
var (
	Begin          = begin
	ReviveOrphaned = reviveOrphaned
)
