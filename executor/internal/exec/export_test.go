package exec

// OutputLimit is for tests.
const OutputLimit = outputLimit
