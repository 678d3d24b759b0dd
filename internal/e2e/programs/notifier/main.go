// Command notifier tells its service manager that it is ready, some time after
// its start, and then says how it is from time to time: see sd_notify(3).
package main

import (
	"fmt"
	"net"
	"os"
	"time"
)

func main() {
	time.Sleep(100 * time.Millisecond)
	if err := notify("READY=1\nSTATUS=at your service"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for n := 1; ; n++ {
		time.Sleep(time.Second)
		_ = notify(fmt.Sprintf("STATUS=%d seconds", n)) // who does not listen now does later
	}
}

func notify(message string) error {
	conn, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write([]byte(message))
	return err
}
