package heapz_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/spanheap/spanheap/heapz"
)

func ExampleRegister() {
	mux := http.NewServeMux()
	heapz.Register(mux)
	server := httptest.NewServer(mux) // http.ListenAndServe("localhost:6060", mux), in a program
	defer server.Close()

	response, err := http.Post(server.URL+heapz.Path+"release?format=json", "", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(string(text))
	// Output:
	// {
	//   "released": 0
	// }
}
