// Package monitor keeps one live image from outside: it boots it, freezes it,
// stores what was frozen, and serves its API.
//
// A monitor is a process of its own, one for each live image, and lives as
// long as that. It holds no state that is not on disk: killed at any moment,
// it leaves an image that goes on, and the next one adopts it.
//
//	main.go     from a Launch to the first result
//	up.go       a manifest becomes a live image
//	boot.go     a saved image becomes a live one
//	adopt.go    a live image gets a new monitor
//	life.go     from then on: links come and go, until init ends
//	save.go     a live image becomes a saved one
//	standby.go  who takes over if the monitor is killed meanwhile
//	serve.go    the API
//
// Two goroutines matter. The one that runs life owns the link and is the only
// one that starts CRIU, so that two saves never meet. The API's goroutines
// borrow the link from it and wait while there is none.
package monitor
