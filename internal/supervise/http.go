package supervise

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"
)

// probeHTTP asks for a URL and tells a good answer by its status: one of those
// given, or 200 to 399 when none is.
//
// It does without http.Client, which closes connections on goroutines of its own
// some time after the answer: none may be open when the probe is over.
func probeHTTP(ctx context.Context, url string, status []int) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	conn, err := dialHTTP(ctx, request)
	if err != nil {
		return plain(err)
	}
	defer conn.Close()
	// The end of ctx ends what waits for the connection.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	response, err := exchange(conn, request)
	if err != nil {
		return plain(err)
	}
	good := response.StatusCode >= 200 && response.StatusCode <= 399
	if len(status) > 0 {
		good = slices.Contains(status, response.StatusCode)
	}
	if !good {
		return fmt.Errorf("answers %s", response.Status)
	}
	return nil
}

// dialHTTP connects to the server of a URL. The certificate of one that speaks
// TLS is not checked: a service that is asked by its own supervisor is called
// localhost, which is no name that a certificate has, and is told no secret.
func dialHTTP(ctx context.Context, request *http.Request) (net.Conn, error) {
	port := request.URL.Port()
	secure := request.URL.Scheme == "https"
	switch {
	case port != "":
	case secure:
		port = "443"
	default:
		port = "80"
	}
	host := request.URL.Hostname()
	conn, err := dialer().DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil || !secure {
		return conn, err
	}
	encrypted := tls.Client(conn, &tls.Config{ServerName: host, InsecureSkipVerify: true})
	if err := encrypted.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return encrypted, nil
}

// exchange sends a request and reads the head of the answer.
func exchange(conn net.Conn, request *http.Request) (*http.Response, error) {
	request.Close = true
	request.Header.Set("User-Agent", "seance")
	if err := request.Write(conn); err != nil {
		return nil, err
	}
	reader := bufio.NewReader(conn)
	for {
		response, err := http.ReadResponse(reader, request)
		if err != nil || response.StatusCode >= 200 || response.StatusCode == http.StatusSwitchingProtocols {
			return response, err // what is left of the body goes with the connection
		}
	}
}
