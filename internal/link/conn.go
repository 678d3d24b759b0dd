package link

import (
	"encoding/json"
	"net"
	"sync"
	"time"
)

// writeLimit is how long the other side may leave a message unread. Whoever
// is stopped or stuck for longer loses the link, and init never waits for a
// monitor that does not read.
const writeLimit = 5 * time.Second

// conn frames messages on a connection.
type conn struct {
	raw net.Conn
	dec *json.Decoder
	// calls are those that came on it, at init's end.
	calls underway

	mu  sync.Mutex // one writer at a time
	enc *json.Encoder
}

func newConn(raw net.Conn) *conn {
	return &conn{raw: raw, dec: json.NewDecoder(raw), enc: json.NewEncoder(raw)}
}

func (c *conn) send(m message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.raw.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return err
	}
	return c.enc.Encode(m)
}

func (c *conn) receive() (message, error) {
	var m message
	err := c.dec.Decode(&m)
	return m, err
}

func (c *conn) close() { c.raw.Close() }
