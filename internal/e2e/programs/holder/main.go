// Command holder holds as many MiB of memory as it is told, filled with what
// cannot be compressed, and counts on standard output twenty times a second.
package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"time"
)

func main() {
	mib, err := strconv.Atoi(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	held := make([]byte, mib<<20)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(held)
	for n := 1; ; n++ {
		fmt.Println("held", n)
		held[n%len(held)]++
		time.Sleep(50 * time.Millisecond)
	}
}
