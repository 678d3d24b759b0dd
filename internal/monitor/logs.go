package monitor

// logsUnread takes note of a failure that the client cannot be told of.
func (m *Monitor) logsUnread(err error) { m.log.Error("cannot serve logs", "error", err) }
