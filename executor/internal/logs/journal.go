package logs

import (
	"os"

	"github.com/coreos/go-systemd/v22/journal"
)

// journal sends a line, or a part of one, to the journal of the host, with the fields that Docker gives to it. A journal that takes
// nothing loses it: a container must never wait for its log.
func (w *writer) journal(s *stream, whole bool) {
	id := os.Getenv("CONTAINER_ID")
	fields := map[string]string{
		"CONTAINER_ID": id, "CONTAINER_ID_FULL": id, "CONTAINER_NAME": w.Name, "CONTAINER_TAG": w.Name, "SYSLOG_IDENTIFIER": w.Name,
	}
	if !whole {
		fields["CONTAINER_PARTIAL_MESSAGE"] = "true"
	}
	priority := journal.PriInfo
	if s.name == "stderr" {
		priority = journal.PriErr
	}
	_ = journal.Send(string(s.rest), priority, fields)
}
