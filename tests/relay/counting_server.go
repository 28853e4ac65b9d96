// An HTTP server of Go's standard library that counts the requests it understands: a witness of how another reads
// what the relay forwards. Prints its port; GET /counted answers with the number of the others.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
)

func main() {
	var counted atomic.Int64
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	http.Serve(listener, http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		if request.URL.Path == "/counted" {
			fmt.Fprint(answer, counted.Load())
			return
		}
		counted.Add(1)
		io.Copy(io.Discard, request.Body)
		fmt.Fprint(answer, "{}")
	}))
}
