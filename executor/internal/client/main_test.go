package client

import (
	"os"
	"testing"

	"github.com/kukeon/kuke/executor/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m, lab.Unified)) }
